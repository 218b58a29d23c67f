"""The arguments of scripts/bench. As a program, this file checks its arguments and ends, with code 2 when
they are wrong. It needs only Python's standard library, because it runs before packages are installed.
"""

import argparse
import os
import sys

from . import workloads
from .engines import AVX2, Engine

RINGS = (64, 65536)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures what a worker of sluice forwards beside what its core could do at most.",
        epilog="docs/benchmarking.md tells how, and what each column is.",
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="W", help=f"{', '.join(workloads.NAMES)}; default: all of them"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--quick", action="store_true", help="short trials; by default W0, W1 and W4 only")
    parser.add_argument(
        "--peers", action="store_true", help="rtpengine, a kernel-UDP relay, and sluice on veth"
    )
    parser.add_argument("--control", action="store_true", help="the control thread under load")
    parser.add_argument(
        "--endpoints",
        metavar="N,...",
        default="",
        help="numbers of endpoints for the rows of scaling (W1, 160 B)",
    )
    parser.add_argument("--engine", choices=["libsrtp", "ipsec_mb"], help="that SRTP engine only")
    parser.add_argument(
        "--isa", choices=["avx2"], help="that instruction set only: sluiced as on a CPU without AVX-512"
    )
    parser.add_argument(
        "--rings",
        type=int,
        default=1024,
        metavar="N",
        help="packets of each ring between generator and relay, as of a NIC's queues; default: 1024",
    )
    parser.add_argument("--relay-cpu", type=int, default=1, metavar="N")
    parser.add_argument("--generator-cpu", type=int, default=0, metavar="N")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name in options.workloads:
        if name not in workloads.NAMES:
            parser.error(f'workload "{name}": allowed are {", ".join(workloads.NAMES)}')
    if not RINGS[0] <= options.rings <= RINGS[1] or options.rings & (options.rings - 1):
        parser.error(f"--rings: allowed are powers of two from {RINGS[0]} to {RINGS[1]}")
    if options.isa and options.engine == "libsrtp":
        parser.error("--isa: allowed with the engine ipsec_mb only")
    options.only = AVX2 if options.isa else Engine(options.engine) if options.engine else None
    try:
        options.endpoints = [int(number) for number in options.endpoints.split(",") if number]
    except ValueError:
        parser.error("--endpoints: allowed are numbers with commas between them, 100,1000,10000")
    if any(not 2 <= number <= 60000 for number in options.endpoints):
        parser.error("--endpoints: allowed are numbers from 2 to 60000 (the UDP ports of one address)")
    if not options.workloads and not (
        options.quick and (options.peers or options.endpoints or options.control)
    ):
        options.workloads = ["W0", "W1", "W4"] if options.quick else list(workloads.NAMES)
    return options


if __name__ == "__main__":
    parse(sys.argv[1:])
