"""The highest rate that a core could reach with a workload: the fastest bare crypto that is known, with the
same sizes and number of keys, plus bare forwarding over the same port. This run measures both.
docs/benchmarking.md, The bound.
"""

import json

from . import workloads
from .engines import BEST, LIBSRTP
from .processes import output_of

# libsrtp on NSS looks keys up in lists, so the cost of a packet grows with the number of keys.
LIBSRTP_KEYS = 250


class BoundError(Exception):
    """A measurement of the bound failed."""


def _how_it_ended(command, done):
    said = (done.stderr or done.stdout).strip()[-400:]
    return f"{' '.join(command)} ended with {done.returncode}: {said}"


def _average(shares):
    return sum(share * cycles for share, cycles in shares)


def crypto_cycles(flows, cost):
    """Cycles of crypto for each copy that leaves. cost(profile, payload_bytes, direction) -> cycles for a
    packet. A packet is opened once for all its copies."""
    return _average(
        (
            flow.share,
            (
                0
                if flow.opened == workloads.PLAIN
                else cost(flow.opened, flow.payload_bytes, "open") / flow.fan_out
            )
            + (0 if flow.sealed == workloads.PLAIN else cost(flow.sealed, flow.payload_bytes, "seal")),
        )
        for flow in flows
    )


def figures(tsc_hz, crypto, forward):
    """Packets a second of each part alone and of both; None when a part has no cost."""
    return {
        "cryptoBoundPps": round(tsc_hz / crypto) if crypto else None,
        "forwardBoundPps": round(tsc_hz / forward),
        "boundPps": round(tsc_hz / (crypto + forward)),
        "cryptoCycles": round(crypto, 1),
        "forwardCycles": round(forward, 1),
    }


class CryptoCost:
    """Runs crypto_bound once for each (profile, payload, direction, keys) and keeps the results."""

    def __init__(self, binary, cpu, engine=BEST):
        self.binary, self.cpu, self.engine = binary, cpu, engine
        self.kernels = {}  # the fastest, by what it was measured for
        self._known = {}

    def of(self, profile, payload_bytes, direction, keys):
        key = (profile, payload_bytes, direction, keys)
        if key not in self._known:
            self._known[key] = self._measure(key)
        return self._known[key]

    def _measure(self, key):
        profile, payload_bytes, direction, keys = key
        command = [
            "taskset",
            "-c",
            str(self.cpu),
            self.binary,
            "--profile",
            profile,
            "--payload",
            str(payload_bytes),
            "--keys",
            str(keys),
            f"--{direction}",
        ]
        command += ["--engine", self.engine.name, "--isa", self.engine.isa]
        done = output_of(command, 120)
        try:
            found = json.loads(done.stdout)
            self.kernels[key] = found["kernel"]
            return float(found["cyclesPerPacket"])
        except (ValueError, KeyError, TypeError):
            raise BoundError(_how_it_ended(command, done)) from None

    def per_copy(self, workload):
        keys = max(1, len(workload.endpoints))
        if self.engine == LIBSRTP:
            keys = min(keys, LIBSRTP_KEYS)
        return crypto_cycles(
            workload.flows, lambda profile, size, direction: self.of(profile, size, direction, keys)
        )


class ForwardCost:
    """Runs bare_forward once for each (payload, copies) and keeps the results: cycles per packet that
    leaves."""

    RING = "bench-bare"

    def __init__(self, binary, cpu, load_cpu, seconds):
        self.binary, self.cpu, self.load_cpu, self.seconds = binary, cpu, load_cpu, seconds
        self._known = {}

    def forget(self):
        self._known.clear()

    def of(self, payload_bytes, copies):
        key = (payload_bytes, copies)
        if key not in self._known:
            self._known[key] = self._measure(*key)
        return self._known[key]

    def _measure(self, payload_bytes, copies):
        command = [self.binary, "--ring", self.RING, "--cpu", str(self.cpu), "--load-cpu", str(self.load_cpu)]
        command += ["--payload", str(payload_bytes), "--copies", str(copies), "--seconds", str(self.seconds)]
        done = output_of(command, 60)
        try:
            cycles = float(json.loads(done.stdout)["cyclesPerPacket"])
        except (ValueError, KeyError, TypeError):
            cycles = 0.0
        if not cycles:
            raise BoundError(_how_it_ended(command, done))
        return cycles

    def per_copy(self, workload):
        return _average((flow.share, self.of(flow.payload_bytes, flow.fan_out)) for flow in workload.flows)
