"""The rows of W6: frames of 64 packets back to back, each copied fifty times, through a port that takes 10
Gbit/s. A port that is busy makes packets wait; the rows tell for how long, and whether any is lost.

Delay is measured at the far end: from handing a packet to the ring to the moment when the wire takes its
copy. So it holds every wait, in whatever place. The worker's own figure (`waitMsP99`) is of the copies that
waited in its transmit queue.
"""

from . import measure, plans, rows, workloads
from .generator import Generator

TRIES = 3
WORKER_FULL = 0.95
SENT_LEAST = 0.98  # below this, the load is not the one that the row names


def limited_by(trial, busy):
    """What kept the row from its load: "generator", "worker", or None when nothing did."""
    if trial["inputPps"] < SENT_LEAST * trial["rate"]:
        return "generator"
    return "worker" if busy >= WORKER_FULL else None


def one_load(lab, workload, engine, load):
    """A trial at that share of the port, with a relay of its own: the worker's waits then are of this trial
    and of the few packets of the warm-up."""
    streams = round(load * len(workload.streams))
    directory = rows.directory_of(lab, workload, engine, f"-{load}")
    config = measure.config(lab, plans.limits(workload), engine)
    generator = Generator(lab.program("sluice-gen"), ["--ring", measure.RING], lab.load_cpu)
    with (
        rows.loaded(lab, workload, config, directory, takes_gbps=workloads.BURST_GBPS) as (relay, plan),
        generator.serve(plan, f"{directory}/sluice-gen.log") as player,
    ):
        counting = rows.Counting(lab, relay)
        trial = player.run_frames(streams, workloads.FRAME_PACKETS, workloads.FRAMES_PER_SECOND, lab.burst_s)
        counted = counting.end(trial)
        worker = relay.worker()
    return row_of(workload, engine, load, trial, counted, worker)


def figures(trial):
    """What every row of frames tells of its trial."""
    return {
        "outputPps": round(trial["outputPps"]),
        "lost": trial["lost"],
        "lossRatio": trial["lossRatio"],
        "queueDelayMsP99": round(trial["latencyUs"]["p99"] / 1e3, 3),
        "askedPps": round(trial["rate"]),
        "inputPps": round(trial["inputPps"]),
        "generatorLimited": trial["generatorLimited"],
        "verifiedPackets": trial["verifiedPackets"],
        "verifyFailures": trial["verifyFailures"],
    }


def row_of(workload, engine, load, trial, counted, worker):
    delay = trial["latencyUs"]
    return {
        "workload": workload.name,
        "profile": workload.profile,
        "payloadBytes": int(workload.payload),
        **engine.columns(),
        "workers": 1,
        "endpoints": len(workload.endpoints),
        "load": load,
        "measuredLoad": round(workloads.burst_load(trial["outputPps"]), 3),
        "portGbps": workloads.BURST_GBPS,
        "broadcastsSending": round(load * len(workload.streams)),
        **figures(trial),
        "queueDelayMsP50": round(delay["p50"] / 1e3, 3),
        "queueDelayMsMax": round(delay["max"] / 1e3, 3),
        "waited": worker["waited"],
        "waitMsP99": worker["waitMsP99"],
        "limitedBy": limited_by(trial, counted["busy"]),
        "notSent": trial["skipped"],
        "busyShare": round(counted["busy"], 3),
        "drops": counted["drops"],
        "ledgerBalanced": counted["balanced"],
        "stealShare": round(counted["steal"], 4),
        "workerWaitedMs": round(counted["waitedMs"], 2),
    }


def measured(lab, engine):
    """The rows of all loads. A trial that the host disturbed is made again."""
    workload = workloads.bursts()
    found = []
    for load in workloads.BURST_LOADS:
        for attempt in range(1, TRIES + 1):
            lab.say(f"{workload.label} at {load:.0%} of {workloads.BURST_GBPS} Gbit/s, {engine.label}")
            row = {**one_load(lab, workload, engine, load), "attempt": attempt}
            if not row["lost"] and not row["limitedBy"]:
                break
            lab.say(
                f"lost {row['lost']}, not sent {row['notSent']}; others had the worker's CPU for "
                f"{row['workerWaitedMs']:.1f} ms"
            )
        found.append(row)
    return found
