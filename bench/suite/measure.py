"""One row of the table: sluiced is set up with a workload, then its highest rate without loss and the cost
are measured.

Counters are read while nothing flows, so a difference covers exactly one trial.
"""

import math
import os

from . import bound, plans, relay as relays
from .distance import Distance

RING = "bench"
SOCKET = "/run/sluice-bench/api.sock"


class Lab:
    """Shared by all rows: programs, CPUs, clocks, a folder for logs, and the lengths of trials."""

    def __init__(self, build, logs, relay_cpu, load_cpu, tsc_hz, quick, say):
        self.build, self.logs = build, logs
        self.relay_cpu, self.load_cpu, self.tsc_hz, self.say = relay_cpu, load_cpu, tsc_hz, say
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


# The largest size of each ring, in packets. An overload first shows as delay in the ring: `behindMs` reports
# it. A larger ring would hold more than the CPU's caches, and a relay near its limit could not catch up after
# an interruption.
RING_SIZE = 8192
RING_SIZE_LEAST = 1024
# The receive ring holds the packets of RING_S seconds; the transmit ring holds the copies of RING_TURNS
# turns.
RING_S = 0.002
TURN_PACKETS = 64
RING_TURNS = 2
# At half of the load a larger ring is right: it holds about 15 ms at two million packets/s, and a host may
# take a virtual CPU away for that long. It must not hold more than the packet pools.
DEEP_RING_SIZE = 32768


def ring_size(input_pps, fan_out):
    """The ring size for a workload with at most `input_pps` packets a second: a power of two, as for a NIC's
    queues."""
    wanted = max(input_pps * RING_S, TURN_PACKETS * RING_TURNS * fan_out, RING_SIZE_LEAST)
    return min(1 << math.ceil(math.log2(wanted)), RING_SIZE)


def config(lab, limits, engine="auto", ring_size=RING_SIZE, **more):
    device = f"ring:{RING},size={ring_size}"
    return relays.configuration(device, SOCKET, limits, lab.relay_cpu, lab.load_cpu, engine=engine, **more)


def set_up(lab, relay, workload, directory):
    """Makes the workload's objects on the relay. Returns the plan's path and the rate of creation."""
    addresses, consent, per_second = relay.set_up(workload)
    link = {"mac": "02:00:00:00:be:01", "relayMac": relay.mac(), "vlan": 0}
    plan = plans.plan(workload, addresses, link, consent_answers=consent)
    return plans.write(os.path.join(directory, "plan.json"), plan), per_second


def cost_of(before, after):
    """Cycles per packet that left, between two readings of the worker's counters."""
    sent = after["transmitted"] - before["transmitted"]
    return (after["busyCycles"] - before["busyCycles"]) / sent if sent else None


def differences(before, after):
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
