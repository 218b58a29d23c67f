"""One row of the table: sluiced is set up with a workload, then its highest rate without loss and the cost
are measured.

Counters are read while nothing flows, so a difference covers exactly one trial.
"""

import os

from . import bound, plans, relay as relays
from .distance import Distance
from .engines import BEST

RING = "bench"
SOCKET = "/run/sluice-bench/api.sock"
# The file prefixes of the DPDK processes: sluiced with the generator, and bare_forward.
DPDK_PREFIXES = (f"sluice-{RING}", f"sluice-{bound.ForwardCost.RING}")
# Packets of each ring. A NIC's queues hold as many, so a relay has as little time here as there.
RING_SIZE = 1024
# Of the runs of the control thread. There the generator sleeps, and sends what is due up to 2 ms late.
DEEP_RING_SIZE = 32768


class Lab:
    """Shared by all rows: programs, CPUs, clocks, a folder for logs, and the lengths of trials."""

    def __init__(self, build, logs, relay_cpu, load_cpu, tsc_hz, quick, say, ring_size=RING_SIZE):
        self.build, self.logs = build, logs
        self.relay_cpu, self.load_cpu, self.tsc_hz, self.say = relay_cpu, load_cpu, tsc_hz, say
        self.ring_size = ring_size
        self.burst_s = 5.0 if quick else 20.0
        self.trial_s = 0.3 if quick else 1.0
        self.final_s = 1.0 if quick else 3.0
        self.precision = 0.03 if quick else 0.01
        self.sluiced = os.path.join(build, "controlplane", "sluiced")
        self.libraries = None
        self.distance = Distance(self.program("cpu_distance"), (relay_cpu, load_cpu))
        # When the host moves the CPUs apart: tries for a row, and how long to wait until they are near again.
        self.row_tries, self.near_wait_s = (2, 3) if quick else (3, 20)
        self.crypto = {}
        self.forward = bound.ForwardCost(
            self.program("bare_forward"), relay_cpu, load_cpu, 0.3 if quick else 1.0
        )

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def bound_cycles(self, workload, engine):
        """(cycles of crypto, cycles of forwarding) per copy that leaves, each measured once."""
        if engine not in self.crypto:
            self.crypto[engine] = bound.CryptoCost(self.program("crypto_bound"), self.relay_cpu, engine)
        return self.crypto[engine].per_copy(workload), self.forward.per_copy(workload)


def config(lab, limits, engine=BEST, ring_size=None, **more):
    device = f"ring:{RING},size={ring_size or lab.ring_size}"
    return relays.configuration(device, SOCKET, limits, lab.relay_cpu, lab.load_cpu, engine=engine, **more)


def set_up(lab, relay, workload, directory, takes_gbps=0):
    """Makes the workload's objects on the relay. Returns the plan's path and the rate of creation.
    `takes_gbps`: the bit rate at which the generator takes packets; 0: as fast as it can."""
    addresses, consent, per_second = relay.set_up(workload)
    link = {"mac": "02:00:00:00:be:01", "relayMac": relay.mac(), "vlan": 0, "takesGbps": takes_gbps}
    plan = plans.plan(workload, addresses, link, consent_answers=consent)
    return plans.write(os.path.join(directory, "plan.json"), plan), per_second


def cost_of(before, after):
    """Cycles per packet that left, between two readings of the worker's counters."""
    sent = after["transmitted"] - before["transmitted"]
    return (after["busyCycles"] - before["busyCycles"]) / sent if sent else None


def differences(before, after):
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
