"""Huge pages for two processes that share packets: reserved for the run and freed after it."""

import os
import subprocess

_COUNT = "/proc/sys/vm/nr_hugepages"
MOUNT = "/run/sluice-bench/huge"


def _meminfo(key):
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0])
    return 0


def _mounted():
    with open("/proc/mounts") as file:
        return any(line.split()[2] == "hugetlbfs" and "pagesize=2M" in line for line in file)


class HugePages:
    """A context manager. RuntimeError when the kernel does not have enough contiguous memory."""

    def __init__(self, mib):
        self.wanted = mib // 2
        self._before = None
        self._mount = False

    def __enter__(self):
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
        if not _mounted():
            os.makedirs(MOUNT, exist_ok=True)
            subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", MOUNT], check=True)
            self._mount = True
        return self

    @staticmethod
    def _set(count):
        with open(_COUNT, "w") as file:
            file.write(str(count))

    def _restore(self):
        if self._before is not None:
            self._set(self._before)
            self._before = None

    def __exit__(self, *_):
        if self._mount:
            subprocess.run(["umount", MOUNT], check=False)
            self._mount = False
        self._restore()
