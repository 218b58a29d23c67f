"""Huge pages for two processes that share packets: reserved for the run and freed after it."""

import glob
import os
import subprocess

from .interrupts import held

_COUNT = "/proc/sys/vm/nr_hugepages"
MOUNT = "/run/sluice-bench/huge"


def _meminfo(key):
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0])
    return 0


def _mounts():
    with open("/proc/mounts") as file:
        lines = [line.split() for line in file]
    return [line[1] for line in lines if line[2] == "hugetlbfs" and "pagesize=2M" in line[3]]


def remove_files(mounts, prefixes):
    """Removes the files that hold the huge pages of DPDK processes with these file prefixes. A process that
    was killed leaves them, and its pages would stay taken."""
    for mount in mounts:
        for prefix in prefixes:
            for path in glob.glob(os.path.join(mount, f"{prefix}map_*")):
                os.unlink(path)


class HugePages:
    """A context manager. RuntimeError when the kernel does not have enough contiguous memory."""

    def __init__(self, mib, prefixes):
        """`prefixes`: the DPDK file prefixes of the processes that will use them."""
        self.wanted, self.prefixes = mib // 2, prefixes
        self._before = None
        self._mount = False

    def __enter__(self):
        with held():
            self._reserve()
        return self

    def _reserve(self):
        free = _meminfo("HugePages_Free")
        if free < self.wanted:
            self._before = _meminfo("HugePages_Total")
            self._set(self._before + self.wanted - free)
            free = _meminfo("HugePages_Free")
            if free < self.wanted:
                self._restore()
                raise RuntimeError(
                    f"huge pages: {free} of 2 MiB are free, {self.wanted} are needed and memory gives no more"
                )
        if not _mounts():
            os.makedirs(MOUNT, exist_ok=True)
            subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", MOUNT], check=True)
            self._mount = True

    @staticmethod
    def _set(count):
        with open(_COUNT, "w") as file:
            file.write(str(count))

    def _restore(self):
        if self._before is not None:
            self._set(self._before)
            self._before = None

    def __exit__(self, *_):
        """REQUIRES: no process uses them any more."""
        with held():
            remove_files(_mounts(), self.prefixes)
            if self._mount:
                subprocess.run(["umount", MOUNT], check=False)
                self._mount = False
            self._restore()
