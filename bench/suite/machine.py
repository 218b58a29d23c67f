"""Describes the machine: CPU, clocks, libraries; and the causes of wrong figures: steal, shared cores."""

import ctypes
import json
import mmap
import os
import platform
import subprocess
import time

FLAGS = (
    "aes",
    "sha_ni",
    "avx2",
    "avx512f",
    "avx512vl",
    "vaes",
    "vpclmulqdq",
    "gfni",
    "constant_tsc",
    "hypervisor",
)
# How many times slower a loop is while another runs on the other CPU. From the first number on, the CPUs
# count as threads of one core; below the second, as two cores.
SHARED_FROM, OWN_BELOW = 1.25, 1.10


def _rdtsc():
    """A function that reads the time-stamp counter: rdtsc; shl rdx,32; or rax,rdx; ret."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3")
    function = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    function.code = code  # keeps the code as long as the function
    return function


def tsc_hz(seconds=0.3):
    """Ticks of the time-stamp counter in a second of the kernel's raw clock."""
    rdtsc = _rdtsc()

    def now():
        # Takes the pair that was read fastest, so that no interruption is between the two clocks.
        best = None
        for _ in range(20):
            before = rdtsc()
            clock = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
            after = rdtsc()
            if best is None or after - before < best[0]:
                best = (after - before, (before + after) / 2, clock)
        return best[1], best[2]

    ticks, clock = now()
    time.sleep(seconds)
    ticks2, clock2 = now()
    return (ticks2 - ticks) * 1e9 / (clock2 - clock)


def _cpuinfo(key):
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def huge_pages():
    found = {}
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.startswith("HugePages_") or name == "Hugepagesize":
                found[name] = int(value.split()[0])
    return {
        "sizeKiB": found.get("Hugepagesize", 0),
        "total": found.get("HugePages_Total", 0),
        "free": found.get("HugePages_Free", 0),
    }


def steal_ticks():
    """For each CPU: (ticks that the host gave to others, all ticks)."""
    steal = {}
    with open("/proc/stat") as file:
        for line in file:
            fields = line.split()
            if fields and fields[0].startswith("cpu") and fields[0] != "cpu":
                ticks = [int(value) for value in fields[1:9]]
                steal[int(fields[0][3:])] = (ticks[7], sum(ticks))
    return steal


def steal_share(before, after, cpu):
    if cpu not in before or cpu not in after:
        return 0.0
    total = after[cpu][1] - before[cpu][1]
    return (after[cpu][0] - before[cpu][0]) / total if total else 0.0


_SPIN = (
    "import time\n"
    "end = time.monotonic() + {seconds}\n"
    "n = 0\n"
    "while time.monotonic() < end:\n"
    "    for _ in range(2000): n += 1\n"
    "print(n / time.process_time())\n"
)


def cpus_share_a_core(one, other, seconds=0.15):
    """("yes" | "no" | "unknown", how many times slower a loop on `one` is while another runs on `other`). It
    compares CPU time, so other processes on this machine have no effect, but another thread of the core
    does."""

    def start(cpu):
        return subprocess.Popen(
            ["taskset", "-c", str(cpu), "/usr/bin/python3", "-S", "-c", _SPIN.format(seconds=seconds)],
            stdout=subprocess.PIPE,
        )

    def result(process):
        return float(process.communicate(timeout=20)[0])

    try:
        alone = max(result(start(one)) for _ in range(3))
        together = []
        for _ in range(3):
            both = [start(one), start(other)]
            together.append([result(process) for process in both][0])
        slower = alone / max(together)
    except (OSError, ValueError, subprocess.SubprocessError, ZeroDivisionError):
        return "unknown", None
    verdict = "yes" if slower >= SHARED_FROM else "no" if slower < OWN_BELOW else "unknown"
    return verdict, round(slower, 3)


def version_of(sluiced):
    """The output of `sluiced --version`."""
    try:
        return subprocess.run(
            [sluiced, "--version"], capture_output=True, text=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def describe(relay_cpu, load_cpu):
    """The facts that need no daemon. libraries() adds those of the API's `version` later."""
    flags = set(_cpuinfo("flags").split())
    shared, slower = cpus_share_a_core(relay_cpu, load_cpu)
    return {
        "cpu": _cpuinfo("model name"),
        "cores": os.cpu_count(),
        "relayCpu": relay_cpu,
        "generatorCpu": load_cpu,
        "flags": [flag for flag in FLAGS if flag in flags],
        "virtual": "hypervisor" in flags,
        "tscHz": round(tsc_hz()),
        "kernel": platform.release(),
        "hugePages": huge_pages(),
        "twoCpusShareACore": shared,
        "slowerWithBothBusy": slower,
    }


def libraries(version):
    """The libraries in the result of the API's `version`."""
    return {
        "sluice": version["sluice"],
        "dpdk": version["dpdk"],
        "ipsecMb": version["ipsecMb"]["version"],
        "instructionSet": version["ipsecMb"]["instructionSet"],
        "libsrtp2": version["libsrtp2"]["version"],
        "libsrtp2Crypto": version["libsrtp2"]["cryptoLibrary"],
        "openssl": version["openssl"],
    }


if __name__ == "__main__":
    print(json.dumps(describe(1, 0), indent=2))
