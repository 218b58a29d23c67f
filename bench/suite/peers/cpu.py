"""CPU that a process has spent: user + system of all its threads, from /proc."""

import os

_TICKS = os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    """utime + stime of the whole process, seconds (a resolution of 10 ms: measure over seconds)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
