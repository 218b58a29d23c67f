"""The peers' rows: each relay has one end of a veth pair and one CPU, the generator the other end and CPU.

The CPU time is user + system of the relay's threads, from /proc, in the last trial, at the highest rate with
a loss of at most LOSS_MAX. On veth the kernel receives in the sender's context. No row includes that time,
which favours all relays alike.
"""

import contextlib
import os
import time

from .. import machine, measure, plans, relay as relays, workloads
from ..generator import Generator
from . import bursts, cpu, rtpengine, udp_relay, veth

ENDPOINTS = 1000
LOSS_MAX = 1e-3
FIRST_PPS = 20000
PRECISION = 0.05
RETRIES, BACK_OFF = 4, 0.93


def peer_workload(name):
    if name == "W6":
        return workloads.bursts()
    if name == "W1":
        # Two suites, because rtpengine passes one suite through unchanged. They differ only in the tag's
        # length.
        return workloads.calls("W1", "calls", 160, (workloads.CM80, workloads.CM32), ENDPOINTS)
    if name == "W1 80-80":
        return workloads.calls("W1", "calls", 160, (workloads.CM80, workloads.CM80), ENDPOINTS)
    return workloads.calls("W4", "interworking", 60, (workloads.PLAIN, workloads.CM80), ENDPOINTS)


def carried(trial):
    return trial["sent"] > 0 and trial["lossRatio"] <= LOSS_MAX and not trial["verifyFailures"]


def measured(lab, pair, workload, start, say):
    """A row: the search, then a longer trial that measures the relay's CPU time. start() returns a context
    manager of (relay, plan's path). Each run of the generator needs a new relay, which has not seen its
    streams."""
    generator = _generator(lab, pair)
    if workload.name == "W6":
        row, spent, trial = bursts.measured(lab, generator, workload, start, Count)
        return {**row, **cost(spent, trial, lab.tsc_hz)}
    with start() as (relay, plan):
        name, version = relay.name, relay.version_text
        search = generator.search(plan, lab.trial_s, FIRST_PPS, PRECISION, LOSS_MAX)
    rate = search["best"]["inputPps"]
    say(f"{name} carries {rate:,.0f} packets/s")
    for _ in range(RETRIES):
        with start() as (relay, plan):
            steal = machine.steal_ticks()
            count = Count(relay)
            trial = generator.run(plan, rate, max(2.0, lab.final_s))
            spent = count.end()
        if carried(trial):
            break
        rate *= BACK_OFF
    return {
        "name": name,
        "version": version,
        "workload": f"{workload.name} {workload.payload} {workload.profile}",
        "endpoints": len(workload.endpoints),
        "outputPps": round(trial["outputPps"]),
        "lossRatio": trial["lossRatio"],
        "generatorLimited": search["generatorLimited"],
        "verifiedPackets": search["verifiedPackets"] + trial["verifiedPackets"],
        "verifyFailures": search["verifyFailures"] + trial["verifyFailures"],
        "latencyUs": trial["latencyUs"],
        "stealShare": round(machine.steal_share(steal, machine.steal_ticks(), lab.relay_cpu), 4),
        **cost(spent, trial, lab.tsc_hz),
    }


def cost(spent, trial, tsc_hz):
    """CPU seconds per million packets that left; of a polling relay also those of work alone."""
    outputs = trial["received"] / 1e6
    if not outputs:
        raise RuntimeError("no packet came back")
    # A polling relay always uses its whole CPU, so only the time of the trial counts, not that before and
    # after.
    polling = spent["cpu_s"] / spent["passed_s"] * trial["seconds"] if "busyCycles" in spent else None
    found = {"cpuSecondsPerMpkt": round((polling or spent["cpu_s"]) / outputs, 4)}
    if polling:
        found["busyCpuSecondsPerMpkt"] = round(spent["busyCycles"] / tsc_hz / outputs, 4)
    return found


class Count:
    """The relay's CPU time, and a worker's busy cycles, between two moments."""

    def __init__(self, relay):
        self.relay, self.pid = relay, relay.process.pid
        self.worker = relay.settled_worker() if hasattr(relay, "settled_worker") else None
        self.cpu, self.clock = cpu.process_seconds(self.pid), time.monotonic()

    def end(self):
        spent = {
            "cpu_s": cpu.process_seconds(self.pid) - self.cpu,
            "passed_s": time.monotonic() - self.clock,
        }
        if self.worker:
            spent["busyCycles"] = self.relay.settled_worker()["busyCycles"] - self.worker["busyCycles"]
        return spent


def _generator(lab, pair):
    return Generator(
        lab.program("sluice-gen"),
        ["--device", f"net_af_packet0,iface={veth.GENERATOR_DEVICE}"],
        lab.load_cpu,
        pair.generator,
    )


def kernel_relay(lab, make, workload, say):
    """`make(pair, directory)`: the relay, a context manager with set_up(), process, name and version."""
    directory = os.path.join(lab.logs, "peers")
    os.makedirs(directory, exist_ok=True)

    @contextlib.contextmanager
    def start():
        with make(pair, directory) as relay:
            relay.version_text = relay.version
            plan = plans.plan(workload, relay.set_up(workload), pair.link(), same_ssrc=True)
            yield relay, plans.write(os.path.join(directory, "plan.json"), plan)

    with veth.Pair(kernel=True) as pair:
        return measured(lab, pair, workload, start, say)


def sluice_on(lab, driver, workload, say):
    """sluiced in place of the kernel relay, with DPDK's driver for kernel interfaces."""
    directory = os.path.join(lab.logs, f"peers-{driver}")
    device = {
        "af_packet": f"net_af_packet0,iface={veth.RELAY_DEVICE}",
        "af_xdp": f"net_af_xdp0,iface={veth.RELAY_DEVICE}",
    }[driver]
    config = relays.configuration(device, measure.SOCKET, plans.limits(workload), lab.relay_cpu, lab.load_cpu)

    @contextlib.contextmanager
    def start():
        with relays.Relay(lab.sluiced, config, directory, pair.relay) as relay:
            relay.name, relay.version_text = f"sluice on {driver}", relay.version["sluice"]
            addresses, _, _ = relay.set_up(workload)
            plan = plans.plan(workload, addresses, {**pair.link(), "relayMac": relay.mac()})
            yield relay, plans.write(os.path.join(directory, "plan.json"), plan)

    with veth.Pair(kernel=False) as pair:
        return measured(lab, pair, workload, start, say)


def run(lab, say, names):
    """(rows of the peers that run on this machine, the errors of the others). `names`: of the workloads; W1
    and W4 have peers always, W6 when it is among them."""
    rtpengine.install()

    def udp(name):
        return kernel_relay(
            lab,
            lambda pair, directory: udp_relay.UdpRelay(
                lab.program("udp_relay"), pair.relay, veth.RELAY_IP, lab.relay_cpu, directory
            ),
            peer_workload(name),
            say,
        )

    def engine(name):
        return kernel_relay(
            lab,
            lambda pair, directory: rtpengine.Rtpengine(
                pair.relay, veth.RELAY_IP, lab.relay_cpu, os.path.join(directory, "rtpengine.log")
            ),
            peer_workload(name),
            say,
        )

    def sluice(driver):
        return lambda name: sluice_on(lab, driver, peer_workload(name), say)

    drivers = [(f"sluice on {driver}", sluice(driver)) for driver in ("af_packet", "af_xdp")]
    cases = [("kernel UDP relay", "W1 80-80", udp)]
    cases += [
        (title, name, case) for name in ("W1", "W4") for title, case in [("rtpengine", engine), *drivers]
    ]
    if "W6" in names:
        # rtpengine places calls of two here, no broadcasts.
        cases += [(title, "W6", case) for title, case in [("kernel UDP relay", udp), *drivers]]
    rows, missing = [], []
    for title, name, case in cases:
        title = f"{title}, {name}"
        say(title)
        try:
            rows.append(case(name))
        except Exception as error:  # keeps the rows of the other peers
            missing.append(f"{title}: {type(error).__name__}: {error}")
            say(missing[-1])
    return rows, missing
