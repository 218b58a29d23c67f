"""How far apart the relay's CPU and the generator's are. A host may move the CPUs of a virtual machine: into
two last-level caches, say, where every line that one core hands to the other costs several times as much as a
minute ago. Or onto one core, whose threads hand lines over at once but slow each other. That is the host's
doing, not the relay's, and a bound measured on one side of such a move says nothing about the other.
"""

import json
import subprocess
import time

APART = 1.7  # times the nearest that this run has seen of two cores
ONE_CORE_NS = 80  # there and back; two cores of one cache take 100 and more
_PAUSE_S = 0.5


class DistanceError(Exception):
    """cpu_distance failed."""


class Distance:
    def __init__(self, binary, cpus, clock=time.monotonic, sleep=time.sleep):
        self.binary, self.cpus, self._clock, self._sleep = binary, cpus, clock, sleep
        self.nearest = None  # ns, there and back, of two cores
        self.farthest = None
        self.one_core = None  # the same, while the two were threads of one

    def now(self):
        """Nanoseconds for a cache line to the other CPU and back."""
        ns = self._measure()
        if ns < ONE_CORE_NS:
            self.one_core = ns
        else:
            self.nearest = ns if self.nearest is None else min(ns, self.nearest)
            self.farthest = ns if self.farthest is None else max(ns, self.farthest)
        return ns

    def _measure(self):
        command = [self.binary, *map(str, self.cpus)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        try:
            return float(json.loads(done.stdout)["roundTripNs"])
        except (ValueError, KeyError, TypeError):
            raise DistanceError(
                f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
            ) from None

    def moved(self, ns):
        """ "apart", "onto one core", or None where they are as near as two cores have been."""
        if self.nearest is None:
            return None
        return "onto one core" if ns < ONE_CORE_NS else "apart" if ns > APART * self.nearest else None

    def wait(self, seconds):
        """Until the CPUs are as near as they have been, or for so long. What the last look said."""
        end = self._clock() + seconds
        ns = self.now()
        while self.moved(ns) and self._clock() < end:
            self._sleep(_PAUSE_S)
            ns = self.now()
        return ns
