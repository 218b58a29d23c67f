"""Huge pages and a hugetlbfs, for tests of ports in shared memory."""

import contextlib
import os
import subprocess

from harness import Skip


def _pages():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") as file:
        return int(file.read())


def mounts():
    with open("/proc/self/mounts") as file:
        return [line.split()[1] for line in file if line.split()[2] == "hugetlbfs"]


@contextlib.contextmanager
def shared_memory(size_mib):
    """Reserves huge pages of `size_mib` MiB and 32 MiB more for another process, and mounts a hugetlbfs when
    there is none. Restores both afterwards. Skips the case when that is not possible."""
    switch, before, mounted = "/proc/sys/vm/nr_hugepages", None, False
    wanted = size_mib // 2 + 16
    try:
        if _pages() < wanted:
            with open(switch) as file:
                before = int(file.read())
            with open(switch, "w") as file:
                file.write(str(before + wanted - _pages()))
        if _pages() < wanted:
            raise Skip(f"{2 * wanted} MiB of huge pages are not available")
        if not mounts():
            os.makedirs("/dev/hugepages", exist_ok=True)
            done = subprocess.run(
                ["mount", "-t", "hugetlbfs", "none", "/dev/hugepages"], capture_output=True, text=True
            )
            if done.returncode:
                raise Skip(f"cannot mount a hugetlbfs: {done.stderr.strip()}")
            mounted = True
        yield
    except OSError as error:
        raise Skip(f"huge pages are not available: {error}") from None
    finally:
        if mounted:
            subprocess.run(["umount", "/dev/hugepages"], check=False)
        if before is not None:
            with open(switch, "w") as file:
                file.write(str(before))
