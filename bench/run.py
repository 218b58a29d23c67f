"""The main program of scripts/bench, which runs it after the build: measures, prints, writes JSON, and
judges.

Exit code 0: measured; every checked packet opened and every ledger closes. 1: a packet did not open or a
ledger does not close. 2: could not measure.
"""

import json
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from suite import bursts, interrupts, machine, measure, processes, report, rows, workloads  # noqa: E402
from suite.arguments import parse  # noqa: E402
from suite.engines import AVX2, BEST, LIBSRTP  # noqa: E402
from suite.hugepages import HugePages  # noqa: E402
from suite.peers import run as peers  # noqa: E402

HUGE_PAGES_MIB = 3072


class Progress:
    """Prints lines on standard error: the time since the start, and what is running."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self, text):
        if not interrupts.write_line("stderr", f"[{time.monotonic() - self.began:5.1f} s] {text}"):
            raise interrupts.Interrupted("the output has no reader")


def show(title, lines):
    interrupts.write_line("stdout", "\n".join(["", title, *lines]))


def rows_of(lab, name, engine):
    if name == "W6":
        return bursts.measured(lab, engine)
    return [
        rows.throughput(lab, workload, engine)
        for workload in workloads.table_rows(name, rows.endpoints_for(engine))
    ]


def measure_all(options, lab, result):
    engine = options.only or BEST
    for name in options.workloads:
        result["results"] += rows_of(lab, name, engine)
    if not options.only and not options.quick and "W1" in options.workloads:
        # The rows of the other engines are in the same table.
        for other in (AVX2, LIBSRTP):
            result["results"] += rows_of(lab, "W1", other)
    for count in options.endpoints:
        result["scaling"].append(rows.scaling(lab, count, engine))
    report.add_scaling_ratios(result["scaling"])
    if options.control:
        result["control"] = rows.control(lab, result["results"])
    if options.peers:
        result["peers"], result["peersMissing"] = peers.run(lab, lab.say, options.workloads)
        report.add_peer_ratios(result["peers"], result["results"], lab.tsc_hz)


def measure_in_order(options, result):
    """Measures all, and leaves no process and no huge page behind, whatever happens. The reason why it ended
    early; None when it did not."""
    say = Progress()
    logs = os.path.join(options.build, "bench-logs")
    lab = None
    try:
        os.makedirs(logs, exist_ok=True)
        os.makedirs(os.path.dirname(measure.SOCKET), mode=0o700, exist_ok=True)
        say("the machine: clocks, and whether its CPUs share a core")
        facts = result["machine"] = machine.describe(options.relay_cpu, options.generator_cpu)
        lab = measure.Lab(
            options.build,
            logs,
            options.relay_cpu,
            options.generator_cpu,
            facts["tscHz"],
            options.quick,
            say,
            options.rings,
        )
        with HugePages(HUGE_PAGES_MIB, measure.DPDK_PREFIXES):
            try:
                facts["hugePages"] = machine.huge_pages()
                measure_all(options, lab, result)
            finally:
                processes.end_all()
    except interrupts.Interrupted as why:
        return f"interrupted: {why}"
    except Exception as error:  # shows the results so far
        return f"{type(error).__name__}: {error}"
    finally:
        if lab:
            facts["ringPackets"] = lab.ring_size
            facts["roundTripNs"] = {"nearest": lab.distance.nearest, "farthest": lab.distance.farthest}
            facts["libraries"] = machine.libraries(lab.libraries) if lab.libraries else {}
    return None


def main(arguments):
    options = parse(arguments)
    interrupts.install()
    # Processes without a fixed CPU must not run on the relay's: there they would take milliseconds from a
    # worker that polls.
    others = os.sched_getaffinity(0) - {options.relay_cpu}
    if others:
        os.sched_setaffinity(0, others)
    result = {"machine": {}, "results": [], "scaling": [], "control": [], "peers": [], "peersMissing": []}
    interrupted = measure_in_order(options, result)
    if options.json and result["machine"]:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if result["machine"]:
        tell(result)
    if interrupted:
        interrupts.write_line("stderr", f"\nscripts/bench: {interrupted}")
        return 2
    return 1 if report.problems(result) else 0


def tell(result):
    show("machine", report.machine_lines(result["machine"]))
    highest = [row for row in result["results"] if not report.is_burst(row)]
    at_a_load = [row for row in result["results"] if report.is_burst(row)]
    if highest:
        show("what a worker forwards, and what its core could do at most", report.results_table(highest))
    if at_a_load:
        show("frames of 64 packets, copied 50 times, through 10 Gbit/s", report.bursts_table(at_a_load))
    if result["scaling"]:
        show("from few endpoints to many (W1, 160 B)", report.scaling_table(result["scaling"]))
    if result["control"]:
        show("the control thread, its worker at half load", report.control_table(result["control"]))
    if result["peers"]:
        show("relays on a veth pair, one CPU", report.peers_table(result["peers"]))
    notes = [*report.remarks(result), *(f"left out: {text}" for text in result["peersMissing"])]
    if notes:
        show("notes", [f"- {note}" for note in notes])
    problems = report.problems(result)
    if problems:
        show("FAILED", [f"- {problem}" for problem in problems])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
