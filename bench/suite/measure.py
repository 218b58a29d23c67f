"""One row of the table: sluiced set up with a workload, the highest rate without loss, and what it cost.

Counters are read while nothing flows, so a difference holds all of a trial and nothing else.
"""

import math
import os

from . import bound, plans, relay as relays
from .distance import Distance

RING = "bench"
SOCKET = "/run/sluice-bench/api.sock"


class Lab:
    """What all rows share: programs, CPUs, clocks, a folder for logs, and how long a trial is."""

    def __init__(self, build, logs, relay_cpu, load_cpu, tsc_hz, quick, say):
        self.build, self.logs = build, logs
        self.relay_cpu, self.load_cpu, self.tsc_hz, self.say = relay_cpu, load_cpu, tsc_hz, say
        self.trial_s = 0.3 if quick else 1.0
        self.final_s = 1.0 if quick else 3.0
        self.precision = 0.03 if quick else 0.01
        self.sluiced = os.path.join(build, "controlplane", "sluiced")
        self.libraries = None
        self.distance = Distance(self.program("cpu_distance"), (relay_cpu, load_cpu))
        # For a row that the host has moved the CPUs apart for.
        self.row_tries, self.near_wait_s = (2, 3) if quick else (3, 20)
        self.crypto = {}
        self.forward = bound.ForwardCost(
            self.program("bare_forward"), relay_cpu, load_cpu, 0.3 if quick else 1.0
        )

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def bound_cycles(self, workload, engine):
        """(t_crypto, t_forward) per copy that leaves, each measured once."""
        if engine not in self.crypto:
            self.crypto[engine] = bound.CryptoCost(self.program("crypto_bound"), self.relay_cpu, engine)
        return self.crypto[engine].per_copy(workload), self.forward.per_copy(workload)


# Of either ring, in packets, at most. An overload that hides in it as delay is told by `behindMs`. A deeper
# one holds more than the caches do: a relay near its limit then never works off what a hiccup left there.
RING_SIZE = 8192
RING_SIZE_LEAST = 1024
# What the ring of those that come holds, and how often a turn's copies fit into the ring of those that leave.
RING_S = 0.002
TURN_PACKETS = 64
RING_TURNS = 2
# At half a load it does: some 15 ms at two million packets/s, for which a host may take a virtual CPU away.
# No more than the packet pools hold in both directions.
DEEP_RING_SIZE = 32768


def ring_size(input_pps, fan_out):
    """For a workload of which at most so many packets a second can be carried: a power of two, as a NIC's
    queues are.
    """
    wanted = max(input_pps * RING_S, TURN_PACKETS * RING_TURNS * fan_out, RING_SIZE_LEAST)
    return min(1 << math.ceil(math.log2(wanted)), RING_SIZE)


def config(lab, limits, engine="auto", ring_size=RING_SIZE, **more):
    device = f"ring:{RING},size={ring_size}"
    return relays.configuration(device, SOCKET, limits, lab.relay_cpu, lab.load_cpu, engine=engine, **more)


def set_up(lab, relay, workload, directory):
    """Everything made on the relay; returns the plan's path and the relay's creation rate."""
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
