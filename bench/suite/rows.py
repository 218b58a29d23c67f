"""The rows of the table. Each starts a new sluiced, sets it up, loads it and ends it."""

import contextlib
import os

from . import bound, machine, measure, plans, workloads
from . import control as controls
from . import relay as relays
from .engines import BEST, LIBSRTP, is_best
from .generator import Generator
from .report import LOSS_MAX

TRIES = 7
BACK_OFF = 0.97
FIRST_PPS = {"ipsec_mb": 1e6, "libsrtp": 5e4}  # the search begins with this rate, in packets/s out
CREATIONS, HANDSHAKES = 10000, 2000
# When a row was disturbed, it stays in the table and another try follows.
CONTROL_TRIES = 3


def trial_share(before, after, trial, tsc_hz):
    """The share of the trial's time that the worker was busy."""
    return (after["busyCycles"] - before["busyCycles"]) / tsc_hz / trial["seconds"]


BEHIND_MAX_MS = 5  # the same as in the search


def carried(trial):
    return trial["lossRatio"] <= LOSS_MAX and trial["behindMs"] <= BEHIND_MAX_MS


def said_of(trial, counted, rate):
    text = f"lost {trial['lost']} of {trial['expected']} at {rate:,.0f} packets/s"
    text += f", {trial['behindMs']:.1f} ms behind"
    if counted["waitedMs"] >= 0.5:
        text += f"; others had the worker's CPU for {counted['waitedMs']:.1f} ms"
    return text


class Counting:
    """The counters of the worker and of the host, between two moments without traffic."""

    def __init__(self, lab, relay):
        self.lab, self.relay = lab, relay
        self.before, self.drops, self.steal = relay.settled_worker(), relay.drops(), machine.steal_ticks()
        self.waited_s = relay.worker_waited_s()

    def end(self, trial):
        after = self.relay.settled_worker()
        return {
            "cycles": measure.cost_of(self.before, after),
            "busy": trial_share(self.before, after, trial, self.lab.tsc_hz),
            "drops": measure.differences(self.drops, self.relay.drops()),
            "balanced": after["ledgerBalanced"],
            "waitedMs": (self.relay.worker_waited_s() - self.waited_s) * 1e3,
            "steal": machine.steal_share(self.steal, machine.steal_ticks(), self.lab.relay_cpu),
        }


@contextlib.contextmanager
def loaded(lab, workload, config, directory, namespace=None, takes_gbps=0):
    """(relay, the plan's path) with the workload set up, for one generator. A second generator would begin
    with the same sequence numbers, and a relay with the same keys would drop them as replays."""
    with relays.Relay(lab.sluiced, config, directory, namespace) as relay:
        lab.libraries = lab.libraries or relay.version
        empty = relay.memory_bytes()
        plan, per_second = measure.set_up(lab, relay, workload, directory, takes_gbps)
        relay.empty_bytes, relay.creations_per_second = empty, per_second
        yield relay, plan


def _highest_rate(lab, workload, engine, directory):
    """Searches the highest rate, then runs a longer trial at that rate. Then runs a trial above the rate that
    any core could carry, to get the cost of a packet in full batches."""
    generator = generator_of(lab)
    unreachable_pps = lab.tsc_hz / sum(lab.bound_cycles(workload, engine))
    cache = 256 if workload.nack_share else 0
    config = measure.config(lab, plans.limits(workload), engine, packet_cache_mib=cache)
    flood = workload.flood.order() if workload.flood else {}
    with (
        loaded(lab, workload, config, directory) as (relay, plan),
        generator.serve(plan, os.path.join(directory, "sluice-gen.log")) as player,
    ):
        start = FIRST_PPS[engine.name] / workload.mean_fan_out
        search = player.search(lab.trial_s, start, lab.precision, LOSS_MAX, **flood)
        rate = search["best"]["inputPps"]
        verified, failures = search["verifiedPackets"], search["verifyFailures"]
        for attempt in range(TRIES):
            counting = Counting(lab, relay)
            trial = player.run(rate, lab.final_s, **flood)
            counted = counting.end(trial)
            verified += trial["verifiedPackets"]
            failures += trial["verifyFailures"]
            if carried(trial):
                break
            lab.say(said_of(trial, counted, rate))
            # The host may have disturbed the trial, so it runs once more at the same rate.
            rate *= BACK_OFF if attempt % 2 else 1.0
        saturated = Counting(lab, relay)
        full = player.run(unreachable_pps / workload.mean_fan_out, lab.final_s, **flood)
        full_counted = saturated.end(full)
        counted["cycles"], counted["fullBusy"] = full_counted["cycles"], full_counted["busy"]
        verified += full["verifiedPackets"]
        failures += full["verifyFailures"]
        grown = relay.memory_bytes() - relay.empty_bytes
        per_second = relay.creations_per_second
    latency = {f"at{round(at['share'] * 100)}": at["latencyUs"] for at in search["latency"]}
    return {
        "best": trial,
        "rate": rate,
        "plan": plan,
        "verified": verified,
        "failures": failures,
        "generatorLimited": search["generatorLimited"],
        "latencyUs": {**latency.get("at90", {}), **latency},
        "bytesPerEndpoint": round(grown / len(workload.endpoints)),
        "creationsPerSecond": round(per_second),
        **counted,
    }


def endpoints_for(engine):
    """The number of endpoints; None for the workload's own number. With libsrtp on NSS, the cost of a packet
    depends on the number of keys."""
    return bound.LIBSRTP_KEYS if engine == LIBSRTP else None


def generator_of(lab):
    return Generator(lab.program("sluice-gen"), ["--ring", measure.RING], lab.load_cpu)


def directory_of(lab, workload, engine, extra=""):
    name = f"{workload.label}-{engine.label}{extra}"
    path = os.path.join(lab.logs, "".join(c if c.isalnum() or c in "-_" else "_" for c in name))
    os.makedirs(path, exist_ok=True)
    return path


def sent(trial, limited, full_busy):
    """Whether the generator sent what the row needed: the rate in full, and enough to fill the worker."""
    return {
        "askedPps": round(trial["rate"]),
        "inputPps": round(trial["inputPps"]),
        "notSent": trial["skipped"],
        "generatorLimited": limited or trial["generatorLimited"],
        "fullBusyShare": round(full_busy, 3),
    }


# The worker counts this drop, but the generator causes it: it did not take its packets in time.
NOT_TAKEN = "transmit_queue_full"


def lost_where(trial, drops):
    """Of calls: the packets that a full ring refused, because the worker had not the CPU or not the time, and
    those that the relay took and lost even so."""
    return {
        "lost": trial["lost"],
        "refused": trial["refused"],
        "lostInRelay": max(0, trial["lost"] - trial["refused"] - drops.get(NOT_TAKEN, 0)),
    }


def throughput(lab, workload, engine):
    """The main row: highest rate without loss, cycles, bound, latency. It is measured again when the host has
    moved the CPUs. When they stay moved, the row says so."""
    for left in reversed(range(lab.row_tries)):
        before = lab.distance.wait(lab.near_wait_s)
        row = _throughput(lab, workload, engine)
        after = lab.distance.now()
        row["roundTripNs"] = [round(before), round(after)]
        row["cpusMoved"] = lab.distance.moved(before) or lab.distance.moved(after)
        if not row["cpusMoved"]:
            break
        if left:
            how = f"{row['cpusMoved']} ({before:.0f} ns, then {after:.0f} ns there and back)"
            lab.say(f"the host has moved the CPUs {how}: again")
        lab.forward.forget()
    return row


def _throughput(lab, workload, engine):
    lab.say(f"{workload.label}, {len(workload.endpoints):,} endpoints, {engine.label}")
    directory = directory_of(lab, workload, engine)
    crypto, forward = lab.bound_cycles(workload, engine)
    trials = _highest_rate(lab, workload, engine, directory)
    figures = bound.figures(lab.tsc_hz, crypto, forward)
    best = trials["best"]
    row = {
        "workload": workload.name,
        "profile": workload.profile,
        "payloadBytes": workload.payload if "/" in workload.payload else int(workload.payload),
        **engine.columns(),
        "workers": 1,
        "endpoints": len(workload.endpoints),
        "outputPps": round(best["outputPps"]),
        "cyclesPerOutputPacket": round(trials["cycles"], 1),
        **figures,
        "ratioToBound": round(best["outputPps"] / figures["boundPps"], 3),
        "ratioByCycles": round((crypto + forward) / trials["cycles"], 3),
        "lossRatio": best["lossRatio"],
        "verifiedPackets": trials["verified"],
        "verifyFailures": trials["failures"],
        "latencyUs": trials["latencyUs"],
        "busyShare": round(trials["busy"], 3),
        "drops": trials["drops"],
        "ledgerBalanced": trials["balanced"],
        "stealShare": round(trials["steal"], 4),
        "workerWaitedMs": round(trials["waitedMs"], 2),
    }
    row.update(sent(best, trials["generatorLimited"], trials["fullBusy"]))
    if workload.flood:
        row["forged"], row["forgedPerPacket"] = workload.flood.source, workload.flood.per_packet
        row["forgedPps"] = round((best["forged"] - best["forgedRefused"]) / best["seconds"])
        row.update(lost_where(best, trials["drops"]))
        return row
    alone = generator_of(lab).alone(trials["plan"], lab.trial_s)
    if alone["inputPps"]:
        row["generatorAlonePps"] = round(alone["inputPps"])
        row["generatorTimesRelay"] = round(alone["inputPps"] / best["inputPps"], 2)
    return row


def scaling(lab, endpoints, engine):
    """W1 at 160 B with that number of endpoints: cycles per packet, and memory per endpoint."""
    workload = workloads.table_rows("W1", endpoints)[1]
    lab.say(f"{workload.label}, {endpoints:,} endpoints, {engine.label}")
    directory = directory_of(lab, workload, engine, f"-{endpoints}")
    trials = _highest_rate(lab, workload, engine, directory)
    return {
        "endpoints": endpoints,
        "outputPps": round(trials["best"]["outputPps"]),
        "cyclesPerOutputPacket": round(trials["cycles"], 1),
        "bytesPerEndpoint": trials["bytesPerEndpoint"],
        "creationsPerSecond": trials["creationsPerSecond"],
        "lossRatio": trials["best"]["lossRatio"],
        "verifyFailures": trials["failures"],
    }


def control(lab, results):
    """Endpoint creations and DTLS handshakes while the worker carries half of what its cycles allow of W1 at
    160 B. The highest rate would not do: with rings of a NIC's size it depends on the host's interruptions.
    """
    measured = [
        result["cyclesPerOutputPacket"]
        for result in results
        if result["workload"] == "W1" and result["payloadBytes"] == 160 and is_best(result)
    ]
    workload = workloads.table_rows("W1")[1]
    directory = directory_of(lab, workload, BEST, "-control")
    limits = plans.limits(workload)
    limits["endpoints_per_worker"] += CREATIONS + HANDSHAKES
    limits["sessions"] += 16
    limits["worker_load_percent"] = 100  # high load caused by the host must not refuse endpoints
    generator = generator_of(lab)
    cycles = measured[0] if measured else _highest_rate(lab, workload, BEST, directory)["cycles"]
    rate = controls.HALF * lab.tsc_hz / cycles
    rows = []
    for title, job in (
        ("endpoint creations", lambda relay, side: controls.creations(relay, CREATIONS)),
        ("DTLS handshakes", lambda relay, side: controls.handshakes(relay, side, HANDSHAKES)),
    ):
        for attempt in range(1, CONTROL_TRIES + 1):
            lab.say(f"{title} at {rate:,.0f} packets/s")
            with controls.Side() as side:
                config = measure.config(
                    lab, limits, ring_size=measure.DEEP_RING_SIZE, extra_ports=[controls.side_port()]
                )
                with loaded(lab, workload, config, directory, side.relay) as (relay, plan):
                    row = controls.under_load(relay, generator, plan, rate, lambda: job(relay, side))
            rows.append({**row, "attempt": attempt})
            why, rate = controls.disturbed(row, measure.DEEP_RING_SIZE)
            if not why:
                break
            lab.say(why)
    return rows
