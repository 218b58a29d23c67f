"""The output of the bench: tables for people, JSON for programs. Pure functions."""

from .engines import is_best

TARGET_RATIO = {"W1": 0.75, "W2": 0.75, "W3": 0.65, "W4": 0.75}
TARGET_CYCLES = {"W0": 200}
LOSS_MAX = 1e-6  # a trial with at most this share lost counts as lossless
QUEUE_DELAY_MAX_MS = 20  # W6, of 99 in 100 copies
SENT_LEAST = 0.995  # of what the row asked the generator for
FULL_LEAST = 0.95  # busy share from which on a worker's turns are full
WAITED_MAX_MS = 1  # near the highest rate, a ring holds less than this


def _number(value, digits=0):
    if value is None:
        return "-"
    return f"{value:,.{digits}f}"


def _million(value):
    return "-" if value is None else f"{value / 1e6:.3f}"


def columns(rows, header):
    """A table with the first column aligned left and the others right. Columns are as wide as their cells."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for number, row in enumerate(cells):
        lines.append(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths))
            ).rstrip()
        )
        if number == 0:
            lines.append("-" * len(lines[0]))
    return lines


def engine_label(row):
    isa = row.get("isa", "auto")
    return row["engine"] if isa == "auto" else f"{row['engine']} {isa}"


def is_burst(row):
    """A row of W6: a mean load of the port, not a highest rate."""
    return "load" in row


def bursts_table(results):
    return columns(
        [
            [
                f"{row['workload']} {row['profile']}",
                row["payloadBytes"],
                engine_label(row),
                f"{row['load']:.0%}",
                f"{row['measuredLoad']:.1%}",
                _million(row["outputPps"]),
                _number(row["lost"]),
                _number(row["queueDelayMsP50"], 2),
                _number(row["queueDelayMsP99"], 2),
                _number(row["queueDelayMsMax"], 2),
                _number(row["waitMsP99"], 2),
                _number(row["busyShare"], 2),
                row["limitedBy"] or "-",
                _number(row["verifiedPackets"]),
                _number(row["verifyFailures"]),
            ]
            for row in results
        ],
        [
            "workload",
            "bytes",
            "engine",
            "load",
            "measured",
            "Mpps out",
            "lost",
            "delay p50 ms",
            "p99",
            "most",
            "worker's p99",
            "worker busy",
            "limited by",
            "verified",
            "failed",
        ],
    )


def results_table(results):
    rows = []
    for result in results:
        latency = result.get("latencyUs") or {}
        at90 = latency.get("at90") or latency
        rows.append(
            [
                f"{result['workload']} {result['profile']}"
                + (f" + {result['forgedPerPacket']}x {result['forged']}" if "forged" in result else ""),
                result["payloadBytes"],
                engine_label(result),
                _number(result["endpoints"]),
                _million(result["outputPps"]),
                _number(result["cyclesPerOutputPacket"]),
                _million(result["boundPps"]),
                _number(result["ratioToBound"], 2),
                _number(result.get("ratioByCycles"), 2),
                _number(at90.get("p50")),
                _number(at90.get("p99")),
                _number(at90.get("p999")),
                _number(result["verifiedPackets"]),
                _number(result["verifyFailures"]),
            ]
        )
    return columns(
        rows,
        [
            "workload",
            "bytes",
            "engine",
            "endpoints",
            "Mpps out",
            "cycles",
            "bound Mpps",
            "ratio",
            "by cycles",
            "p50 us",
            "p99",
            "p999",
            "verified",
            "failed",
        ],
    )


def peers_table(peers):
    return columns(
        [
            [
                f"{peer['name']} {peer['version']}".strip(),
                peer["workload"] + (f" at {peer['load']:.0%}" if is_burst(peer) else ""),
                _million(peer["outputPps"]),
                _number(peer["cpuSecondsPerMpkt"], 3),
                _number(peer.get("busyCpuSecondsPerMpkt"), 3),
                _number(peer.get("timesSluice"), 1),
                f"{peer['lossRatio']:.1e}",
                _number(peer["queueDelayMsP99"] if is_burst(peer) else None, 2),
                _number(peer["verifiedPackets"]),
            ]
            for peer in peers
        ],
        [
            "relay",
            "workload",
            "Mpps out",
            "CPU s/Mpkt",
            "busy only",
            "x sluice",
            "loss",
            "delay p99 ms",
            "verified",
        ],
    )


def scaling_table(rows):
    return columns(
        [
            [
                _number(row["endpoints"]),
                _million(row["outputPps"]),
                _number(row["cyclesPerOutputPacket"]),
                _number(row["timesSmallest"], 2),
                _number(row["bytesPerEndpoint"]),
            ]
            for row in rows
        ],
        ["endpoints", "Mpps out", "cycles", "x smallest", "bytes/endpoint"],
    )


def control_table(rows):
    return columns(
        [
            [
                row["what"],
                _number(row["count"]),
                _number(row["perSecond"]),
                _number(row["perCpuSecond"]),
                _million(row["ratePps"]),
                _number(row["workerLoad"], 2),
                _number(row["workerLoadMax"], 2),
                _number(row["lost"]),
                _number(row["lostByWorker"]),
                _number(row["lostByGenerator"]),
                _number(row["notSent"]),
                _number(row["workerWaitedMs"]),
            ]
            for row in rows
        ],
        [
            "control thread",
            "done",
            "per second",
            "per CPU second",
            "Mpps",
            "worker load",
            "most",
            "packets lost",
            "by worker",
            "by generator",
            "not sent",
            "CPU taken, ms",
        ],
    )


def add_scaling_ratios(rows):
    smallest = min(rows, key=lambda row: row["endpoints"], default=None)
    for row in rows:
        row["timesSmallest"] = row["cyclesPerOutputPacket"] / smallest["cyclesPerOutputPacket"]
    return rows


def add_peer_ratios(peers, results, tsc_hz):
    """Adds the ratio of the peer's CPU time to that of sluice on the same workload, on the ring port at its
    highest rate."""
    for peer in peers:
        own = [
            result["cyclesPerOutputPacket"] / tsc_hz * 1e6
            for result in results
            if result["workload"] == peer["workload"].split()[0]
            and str(result["payloadBytes"]) in peer["workload"].split()
            and is_best(result)
            and not is_burst(result)
        ]
        peer["timesSluice"] = round(peer["cpuSecondsPerMpkt"] / own[0], 2) if own else None
    return peers


def problems(report):
    """The reasons why the run fails: packets that did not verify, no packet verified, an open ledger."""
    found = []
    for row in [*report["results"], *report.get("peers", [])]:
        label = f"{row['workload']} {row.get('profile') or row.get('name')}"
        if row["verifyFailures"]:
            found.append(f"{label}: {row['verifyFailures']} packets failed verification")
        elif not row["verifiedPackets"]:
            found.append(f"{label}: no packet was verified")
        if row.get("lostInRelay"):
            found.append(f"{label}: a flood made the relay lose {row['lostInRelay']} packets of calls")
        if row.get("ledgerBalanced") is False:
            found.append(f"{label}: the worker's ledger does not close")
    return found


def _label(result):
    label = f"{result['workload']} {result['payloadBytes']} B {result['profile']}"
    if not is_best(result):
        label += f" {engine_label(result)}"
    if "forged" in result:
        label += f" + {result['forgedPerPacket']}x {result['forged']}"
    return label + (f" at {result['load']:.0%}" if is_burst(result) else "")


def _not_in_full(label, result):
    """Notes about a row for which the generator did not send all that was asked for."""
    notes = []
    share = result["inputPps"] / result["askedPps"] if result.get("askedPps") else 1
    if share < SENT_LEAST:
        notes.append(f"{label}: the generator sent {share:.1%} of what was asked for")
    elif result.get("generatorLimited"):
        notes.append(f"{label}: the generator could send no more: the relay may carry a higher rate")
    if result.get("fullBusyShare", 1) < FULL_LEAST:
        notes.append(
            f"{label}: the generator could fill {result['fullBusyShare']:.0%} of the worker's time, so its "
            "cycles are not all of full batches"
        )
    return notes


def _bursts_missed(label, row):
    notes = []
    if row["lost"]:
        notes.append(f"{label}: {row['lost']} copies were lost; the target is none")
    if row["queueDelayMsP99"] > QUEUE_DELAY_MAX_MS:
        notes.append(
            f"{label}: 1 copy in 100 came later than {row['queueDelayMsP99']} ms; the target is "
            f"{QUEUE_DELAY_MAX_MS} ms"
        )
    if row["limitedBy"]:
        notes.append(f"{label}: the {row['limitedBy']} was the limit, not the port")
    return notes


def remarks(report):
    """Remarks for readers of the figures: missed targets, a weak generator, a shared core, steal."""
    notes, weak = [], []
    machine = report["machine"]
    if machine.get("twoCpusShareACore") == "yes":
        notes.append(
            f"CPUs {machine['relayCpu']} and {machine['generatorCpu']} share a core: each slows the other "
            f"{machine['slowerWithBothBusy']}x; absolute rates are too low"
        )
    for result in report["results"]:
        label = _label(result)
        notes += _not_in_full(label, result)
        if is_burst(result):
            notes += _bursts_missed(label, result)
        if result.get("generatorTimesRelay") is not None and result["generatorTimesRelay"] < 1.5:
            weak.append(f"{label} ({result['generatorTimesRelay']:.2f}x)")
        if not is_burst(result) and result.get("lossRatio", 0) > LOSS_MAX:
            notes.append(f"{label}: {result['lossRatio']:.2e} was lost even so: this is not a lossless rate")
        if result.get("stealShare", 0) > 0.005:
            notes.append(f"{label}: the host took {result['stealShare']:.1%} of the relay's CPU (steal)")
        if result.get("cpusMoved"):
            took = " and ".join(str(ns) for ns in result["roundTripNs"])
            notes.append(
                f"{label}: the host had moved the two CPUs {result['cpusMoved']} (a line there and back took "
                f"{took} ns; {round(machine['roundTripNs']['nearest'])} when they were near)"
            )
        if result.get("workerWaitedMs", 0) > WAITED_MAX_MS:
            notes.append(
                f"{label}: others had the relay's CPU for {result['workerWaitedMs']:.0f} ms of its trial"
            )
        target = TARGET_RATIO.get(result["workload"])
        if target and is_best(result) and (result["ratioToBound"] or 0) < target:
            notes.append(f"{label}: ratio {result['ratioToBound']} is below the target of {target}")
        limit = TARGET_CYCLES.get(result["workload"])
        if limit and is_best(result) and result["cyclesPerOutputPacket"] > limit:
            notes.append(f"{label}: {result['cyclesPerOutputPacket']} cycles are above the target of {limit}")
    if weak:
        notes.append(
            "the generator alone makes less than 1.5x the relay's rate, which may be its limit and not the "
            "relay's; the ratio by cycles stands: " + ", ".join(weak)
        )
    return notes


def machine_lines(machine):
    libraries = machine.get("libraries", {})
    shared = {"yes": "share a core", "no": "have a core each", "unknown": "may share a core"}
    return [
        f"{machine['cpu']}, {machine['cores']} CPUs, TSC {machine['tscHz'] / 1e9:.3f} GHz (measured), "
        f"Linux {machine['kernel']}",
        f"flags {' '.join(machine['flags'])}",
        f"DPDK {libraries.get('dpdk', '?')}, ipsec-mb {libraries.get('ipsecMb', '?')} "
        f"({libraries.get('instructionSet', '?')}), libsrtp {libraries.get('libsrtp2', '?')}",
        f"relay on CPU {machine['relayCpu']}, generator on CPU {machine['generatorCpu']}: they "
        f"{shared[machine['twoCpusShareACore']]}"
        + (f" ({machine['slowerWithBothBusy']}x slower together)" if machine["slowerWithBothBusy"] else ""),
        *_distance_lines(machine.get("roundTripNs")),
    ]


def _distance_lines(ns):
    if not ns or ns["nearest"] is None:
        return []
    return [
        f"a cache line goes from one to the other and back in {ns['nearest']:.0f} to {ns['farthest']:.0f} ns"
    ]
