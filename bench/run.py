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

from suite import machine, measure, report, rows, workloads  # noqa: E402
from suite.arguments import parse  # noqa: E402
from suite.hugepages import HugePages  # noqa: E402
from suite.peers import run as peers  # noqa: E402

HUGE_PAGES_MIB = 3072


class Progress:
    """Prints lines on standard error: the time since the start, and what is running."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self, text):
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", file=sys.stderr, flush=True)


def show(title, lines):
    print(f"\n{title}")
    for line in lines:
        print(line)


def measure_all(options, lab, result):
    engines = [options.engine] if options.engine else ["ipsec_mb"]
    for engine in engines:
        for name in options.workloads:
            for workload in workloads.table_rows(name, rows.endpoints_for(engine)):
                result["results"].append(rows.throughput(lab, workload, engine))
    if not options.engine and not options.quick and "W1" in options.workloads:
        # The rows of the second engine are in the same table.
        for workload in workloads.table_rows("W1", rows.endpoints_for("libsrtp")):
            result["results"].append(rows.throughput(lab, workload, "libsrtp"))
    for count in options.endpoints:
        result["scaling"].append(rows.scaling(lab, count, options.engine or "ipsec_mb"))
    report.add_scaling_ratios(result["scaling"])
    if options.control:
        result["control"] = rows.control(lab, result["results"])
    if options.peers:
        result["peers"], result["peersMissing"] = peers.run(lab, lab.say)
        report.add_peer_ratios(result["peers"], result["results"], lab.tsc_hz)


def main(arguments):
    options = parse(arguments)
    # Processes without a fixed CPU must not run on the relay's: there they would take milliseconds from a
    # worker that polls.
    others = os.sched_getaffinity(0) - {options.relay_cpu}
    if others:
        os.sched_setaffinity(0, others)
    say = Progress()
    logs = os.path.join(options.build, "bench-logs")
    os.makedirs(logs, exist_ok=True)
    os.makedirs(os.path.dirname(measure.SOCKET), mode=0o700, exist_ok=True)
    say("the machine: clocks, and whether its CPUs share a core")
    facts = machine.describe(options.relay_cpu, options.generator_cpu)
    lab = measure.Lab(
        options.build,
        logs,
        options.relay_cpu,
        options.generator_cpu,
        facts["tscHz"],
        options.quick,
        say,
    )
    result = {"machine": facts, "results": [], "scaling": [], "control": [], "peers": [], "peersMissing": []}
    interrupted = None
    try:
        with HugePages(HUGE_PAGES_MIB):
            facts["hugePages"] = machine.huge_pages()
            measure_all(options, lab, result)
    except KeyboardInterrupt:
        interrupted = "interrupted"
    except Exception as error:  # shows the results so far
        interrupted = f"{type(error).__name__}: {error}"
    facts["roundTripNs"] = {"nearest": lab.distance.nearest, "farthest": lab.distance.farthest}
    facts["libraries"] = machine.libraries(lab.libraries) if lab.libraries else {}
    tell(result)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if interrupted:
        print(f"\nscripts/bench: {interrupted}", file=sys.stderr)
        return 2
    return 1 if report.problems(result) else 0


def tell(result):
    show("machine", report.machine_lines(result["machine"]))
    if result["results"]:
        show(
            "what a worker forwards, and what its core could do at most",
            report.results_table(result["results"]),
        )
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
