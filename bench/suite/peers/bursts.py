"""W6 for relays on a veth pair: frames of 64 packets, copied fifty times. One load only: at a tenth of 10
Gbit/s the copies are already 0.19 million a second, what a relay on sockets carries with one CPU. The far end
takes packets as fast as it can: a relay on sockets makes them more slowly than 10 Gbit/s.
"""

import os

from .. import bursts, machine, workloads

LOAD = 0.1


def measured(lab, generator, workload, start, count_of):
    """A row. start() returns a context manager of (relay, plan's path); count_of(relay) measures its CPU."""
    log = os.path.join(lab.logs, "peers-bursts.log")
    streams = round(LOAD * len(workload.streams))
    with start() as (relay, plan), generator.serve(plan, log) as player:
        steal = machine.steal_ticks()
        count = count_of(relay)
        trial = player.run_frames(streams, workloads.FRAME_PACKETS, workloads.FRAMES_PER_SECOND, lab.burst_s)
        return row_of(relay, workload, trial, steal_share(lab, steal)), count.end(), trial


def steal_share(lab, before):
    return round(machine.steal_share(before, machine.steal_ticks(), lab.relay_cpu), 4)


def row_of(relay, workload, trial, steal):
    return {
        "name": relay.name,
        "version": relay.version_text,
        "workload": f"{workload.name} {workload.payload} {workload.profile}",
        "load": LOAD,
        "endpoints": len(workload.endpoints),
        **bursts.figures(trial),
        "latencyUs": trial["latencyUs"],
        "stealShare": steal,
    }
