"""The CPU time of a process: user + system of all its threads, from /proc."""

import os

_TICKS = os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    """utime + stime of the whole process, in seconds. The resolution is 10 ms, so measure over seconds."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
