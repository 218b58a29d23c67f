"""The distance between the relay's CPU and the generator's: the time that a cache line takes. A host may move
the CPUs of a virtual machine. When they are in two last-level caches, each line that one core passes to the
other costs several times as much. When they are threads of one core, lines are fast but the threads slow each
other down. A bound that was measured before such a move is not valid after it.
"""

import json
import time

from .processes import output_of

APART = 1.7  # times the shortest time between two cores in this run
ONE_CORE_NS = 80  # round trip; two cores with one cache take 100 and more
_PAUSE_S = 0.5


class DistanceError(Exception):
    """cpu_distance failed."""


class Distance:
    def __init__(self, binary, cpus, clock=time.monotonic, sleep=time.sleep):
        self.binary, self.cpus, self._clock, self._sleep = binary, cpus, clock, sleep
        self.nearest = None  # ns, round trip between two cores
        self.farthest = None
        self.one_core = None  # the same, while the CPUs were threads of one core

    def now(self):
        """Measures the nanoseconds that a cache line takes to the other CPU and back."""
        ns = self._measure()
        if ns < ONE_CORE_NS:
            self.one_core = ns
        else:
            self.nearest = ns if self.nearest is None else min(ns, self.nearest)
            self.farthest = ns if self.farthest is None else max(ns, self.farthest)
        return ns

    def _measure(self):
        command = [self.binary, *map(str, self.cpus)]
        done = output_of(command, 20)
        try:
            return float(json.loads(done.stdout)["roundTripNs"])
        except (ValueError, KeyError, TypeError):
            raise DistanceError(
                f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
            ) from None

    def moved(self, ns):
        """ "apart", "onto one core", or None when they are about as near as at any time in this run."""
        if self.nearest is None:
            return None
        return "onto one core" if ns < ONE_CORE_NS else "apart" if ns > APART * self.nearest else None

    def wait(self, seconds):
        """Waits until the CPUs are near again, at most `seconds`. Returns the last measured nanoseconds."""
        end = self._clock() + seconds
        ns = self.now()
        while self.moved(ns) and self._clock() < end:
            self._sleep(_PAUSE_S)
            ns = self.now()
        return ns
