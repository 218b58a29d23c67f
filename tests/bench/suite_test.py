"""The parts of scripts/bench that need no daemon: workloads, plans, bounds, reports, bencode, SDP."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests")]

import run  # noqa: E402
from suite import bound, control, machine, measure, plans, relay  # noqa: E402
from suite import report, rows, workloads  # noqa: E402
from suite.distance import Distance  # noqa: E402
from suite.engines import AVX2, BEST, LIBSRTP, Engine  # noqa: E402
from suite.generator import Generator, GeneratorError  # noqa: E402
from suite.peers import bencode, rtpengine, udp_relay  # noqa: E402

LINK = {"mac": "02:00:00:00:be:01", "relayMac": "02:00:00:00:be:02", "vlan": 0}


def every_row():
    return [row for name in workloads.NAMES for row in workloads.table_rows(name)]


class Workloads(unittest.TestCase):
    def test_each_endpoint_has_an_address_and_keys_of_its_own(self):
        for row in every_row():
            addresses = [endpoint.address for endpoint in row.endpoints]
            self.assertEqual(len(set(addresses)), len(addresses), row.label)
            keys = [
                key
                for endpoint in row.endpoints
                if endpoint.protection != workloads.PLAIN
                for key in (endpoint.send_key, endpoint.receive_key)
            ]
            self.assertEqual(len(set(keys)), len(keys), row.label)
            self.assertTrue(all(1024 <= port <= 65535 for _, port in addresses), row.label)

    def test_ssrcs_are_unique_and_no_endpoint_hears_itself(self):
        for row in every_row():
            ssrcs = [stream.ssrc for stream in row.streams] + [receiver.ssrc for receiver in row.receivers]
            self.assertEqual(len(set(ssrcs)), len(ssrcs), row.label)
            for receiver in row.receivers:
                sender = row.streams[receiver.stream].endpoint
                self.assertNotEqual(sender, receiver.endpoint, row.label)
                self.assertEqual(
                    row.endpoints[sender].session, row.endpoints[receiver.endpoint].session, row.label
                )

    def test_flows_say_how_the_copies_are_made(self):
        for row in every_row():
            copies = {}
            total = 0
            for receiver in row.receivers:
                stream = row.streams[receiver.stream]
                kind = (
                    row.endpoints[stream.endpoint].protection,
                    row.endpoints[receiver.endpoint].protection,
                    stream.payload_bytes,
                    stream.outputs,
                )
                copies[kind] = copies.get(kind, 0) + stream.packets_per_second
                total += stream.packets_per_second
            said = {}
            for flow in row.flows:
                kind = (flow.opened, flow.sealed, flow.payload_bytes, flow.fan_out)
                said[kind] = said.get(kind, 0) + flow.share
            self.assertEqual(set(copies), set(said), row.label)
            for kind, share in said.items():
                self.assertAlmostEqual(share, copies[kind] / total, 6, row.label)

    def test_all_broadcasts_of_w6_together_fill_the_port(self):
        row = workloads.bursts()
        frames = workloads.FRAME_PACKETS * workloads.FRAMES_PER_SECOND
        for load in workloads.BURST_LOADS:
            streams = load * len(row.streams)
            self.assertAlmostEqual(streams, round(streams))
            copies = round(streams) * frames * row.mean_fan_out
            self.assertAlmostEqual(workloads.burst_load(copies), load, 3)
        self.assertEqual((len(row.streams), row.mean_fan_out), (20, 50))

    def test_w7_is_w1_with_forged_packets_of_both_kinds(self):
        stranger, spoofed = workloads.table_rows("W7")
        self.assertEqual(stranger.flood.order(), {"forged": 3, "spoofed": 0})
        self.assertEqual(spoofed.flood.order(), {"forged": 3, "spoofed": 1})
        calls = workloads.table_rows("W1")[1]
        self.assertEqual((spoofed.endpoints, spoofed.streams), (calls.endpoints, calls.streams))
        self.assertNotEqual(stranger.label, spoofed.label)

    def test_the_issue_s_sizes(self):
        self.assertEqual(len(workloads.table_rows("W1")[0].endpoints), 10000)
        self.assertEqual(len(workloads.table_rows("W3")[0].endpoints), 2400)
        self.assertEqual(workloads.table_rows("W2")[0].mean_fan_out, 50)
        self.assertEqual(len(workloads.table_rows("W1", 100)[0].endpoints), 100)


class Plans(unittest.TestCase):
    def test_a_key_is_the_sender_s_on_one_side_and_the_receiver_s_on_the_other(self):
        row = workloads.calls("W4", "", 60, (workloads.PLAIN, workloads.CM80), 2)
        (_, plain), (_, secure) = plans.endpoint_requests(row)
        self.assertEqual(plain["kind"], "rtp")
        self.assertNotIn("profile", plain)
        plan = plans.plan(row, ["198.18.0.1:1030", "198.18.0.1:1031"], LINK)
        self.assertEqual(secure["receiveKey"], plan["endpoints"][1]["sendKey"])
        self.assertEqual(secure["sendKey"], plan["endpoints"][1]["receiveKey"])
        self.assertEqual(plan["endpoints"][0]["protection"], "none")
        self.assertEqual(plan["endpoints"][1]["relay"], "198.18.0.1:1031")

    def test_routes_lead_from_streams_to_receivers(self):
        row = workloads.broadcast(workloads.GCM, publishers=1, subscribers=3)
        routes = [params for _, params in plans.route_requests(row)]
        self.assertEqual([route["to"] for route in routes], ["s0", "s1", "s2"])
        plan = plans.plan(row, [f"198.18.0.1:{1030 + i}" for i in range(4)], LINK)
        self.assertEqual([route["ssrc"] for route in routes], [r["ssrc"] for r in plan["receivers"]])
        self.assertEqual(plan["streams"][0]["outputs"], 3)
        self.assertIsNone(plan["rtcp"])

    def test_relays_that_rewrite_nothing_keep_the_ssrc(self):
        row = workloads.calls("W1", "", 60, (workloads.CM80, workloads.CM80), 2)
        plan = plans.plan(row, ["198.18.0.1:1", "198.18.0.1:2"], LINK, same_ssrc=True)
        for receiver in plan["receivers"]:
            self.assertEqual(receiver["ssrc"], plan["streams"][receiver["stream"]]["ssrc"])

    def test_a_plan_needs_an_address_for_every_endpoint(self):
        row = workloads.calls("W0", "", 160, (workloads.PLAIN, workloads.PLAIN), 4)
        with self.assertRaises(ValueError):
            plans.plan(row, ["198.18.0.1:1"], LINK)

    def test_limits_hold_the_workload(self):
        for row in every_row():
            limits = plans.limits(row)
            self.assertGreaterEqual(limits["endpoints_per_worker"], len(row.endpoints))
            self.assertGreaterEqual(limits["routes_per_worker"], len(row.receivers))
            self.assertGreaterEqual(limits["streams_per_worker"], len(row.streams))

    def test_the_media_ports_hold_the_largest_scaling_row(self):
        low, high = relay.MEDIA_PORTS
        self.assertGreaterEqual(high - low + 1, 60000)
        self.assertGreater(low, relay.SHARED_ICE_PORT)


class Bounds(unittest.TestCase):
    def cost(self, profile, size, direction):
        return {"open": 100, "seal": 200}[direction] + size

    def test_opening_is_shared_by_the_copies(self):
        flows = [workloads.Flow(1.0, workloads.GCM, workloads.GCM, 1200, 50)]
        self.assertAlmostEqual(bound.crypto_cycles(flows, self.cost), 1300 / 50 + 1400)

    def test_interworking_opens_half_and_seals_half(self):
        row = workloads.calls("W4", "", 60, (workloads.PLAIN, workloads.CM80), 2)
        self.assertAlmostEqual(bound.crypto_cycles(row.flows, self.cost), (160 + 260) / 2)

    def test_no_crypto_costs_nothing(self):
        row = workloads.calls("W0", "", 160, (workloads.PLAIN, workloads.PLAIN), 2)
        self.assertEqual(bound.crypto_cycles(row.flows, self.cost), 0)
        figures = bound.figures(2.6e9, 0, 52)
        self.assertIsNone(figures["cryptoBoundPps"])
        self.assertEqual(figures["boundPps"], 50000000)

    def test_the_bound_is_of_both_together(self):
        figures = bound.figures(1e9, 400, 100)
        self.assertEqual(
            (figures["cryptoBoundPps"], figures["forwardBoundPps"], figures["boundPps"]),
            (2500000, 10000000, 2000000),
        )


def result(**changes):
    row = {
        "workload": "W1",
        "profile": "AES_CM_128_HMAC_SHA1_80",
        "payloadBytes": 160,
        "engine": "ipsec_mb",
        "workers": 1,
        "endpoints": 10000,
        "outputPps": 4000000,
        "cyclesPerOutputPacket": 650.0,
        "boundPps": 5000000,
        "ratioToBound": 0.8,
        "ratioByCycles": 0.81,
        "latencyUs": {"p50": 8, "p99": 30, "p999": 60},
        "verifiedPackets": 1000,
        "verifyFailures": 0,
        "lossRatio": 0.0,
        "generatorTimesRelay": 1.8,
    }
    row.update(changes)
    return row


MACHINE = {
    "cpu": "A CPU",
    "cores": 2,
    "relayCpu": 1,
    "generatorCpu": 0,
    "flags": ["vaes"],
    "tscHz": 2600000000,
    "kernel": "6.1",
    "twoCpusShareACore": "no",
    "slowerWithBothBusy": 1.02,
}


class Engines(unittest.TestCase):
    def test_an_engine_is_what_an_operator_configures(self):
        self.assertEqual(AVX2.configuration(), {"engine": "ipsec_mb", "instruction_set": "avx2"})
        self.assertEqual(BEST.configuration(), {"engine": "ipsec_mb", "instruction_set": "auto"})
        made = relay.configuration("ring:x", "/s", {}, 1, 0, engine=AVX2)
        self.assertEqual(made["crypto"]["instruction_set"], "avx2")

    def test_targets_are_for_the_best_one(self):
        machine_and = {"machine": MACHINE, "peers": []}
        slow = result(ratioToBound=0.5, **AVX2.columns())
        self.assertEqual(report.remarks({**machine_and, "results": [slow]}), [])
        self.assertEqual(report.engine_label(slow), "ipsec_mb avx2")
        self.assertEqual(rows.endpoints_for(LIBSRTP), bound.LIBSRTP_KEYS)
        self.assertIsNone(rows.endpoints_for(AVX2))


class Reports(unittest.TestCase):
    def report(self, *rows, machine=MACHINE):
        return {"machine": machine, "results": list(rows), "peers": []}

    def test_a_good_run_has_no_problems_and_no_remarks(self):
        good = self.report(result())
        self.assertEqual(report.problems(good), [])
        self.assertEqual(report.remarks(good), [])

    def test_what_did_not_verify_fails_the_run(self):
        self.assertEqual(len(report.problems(self.report(result(verifyFailures=1)))), 1)
        self.assertEqual(len(report.problems(self.report(result(verifiedPackets=0)))), 1)
        self.assertEqual(len(report.problems(self.report(result(ledgerBalanced=False)))), 1)

    def test_what_weakens_a_figure_is_said(self):
        shared = dict(MACHINE, twoCpusShareACore="yes", slowerWithBothBusy=1.6)
        self.assertIn("share a core", report.remarks(self.report(result(), machine=shared))[0])
        self.assertIn("1.5x", report.remarks(self.report(result(generatorTimesRelay=1.2)))[0])
        self.assertIn("below the target", report.remarks(self.report(result(ratioToBound=0.7)))[0])
        self.assertIn("steal", report.remarks(self.report(result(stealShare=0.02)))[0])
        self.assertIn("for 12 ms", report.remarks(self.report(result(workerWaitedMs=12.2)))[0])

    def test_a_row_that_was_not_sent_in_full_says_so(self):
        trial = {"rate": 1000.0, "inputPps": 900.0, "skipped": 100, "generatorLimited": True}
        notes = report.remarks(self.report(result(**rows.sent(trial, False, 0.6))))
        self.assertIn("sent 90.0% of what was asked for", notes[0])
        self.assertIn("fill 60% of the worker's time", notes[1])
        trial = {"rate": 1000.0, "inputPps": 1000.0, "skipped": 0, "generatorLimited": False}
        self.assertEqual(report.remarks(self.report(result(**rows.sent(trial, False, 1.0)))), [])
        notes = report.remarks(self.report(result(**rows.sent(trial, True, 1.0))))
        self.assertIn("could send no more", notes[0])

    def test_tables_are_aligned_and_bear_gaps(self):
        rows = [result(), result(workload="W0", profile="none", boundPps=None, latencyUs={})]
        lines = report.results_table(rows)
        self.assertEqual(len(lines), 4)
        self.assertTrue(all("10,000" in line for line in lines[2:]))
        self.assertEqual(len({line.rindex("1,000") for line in lines[2:]}), 1)

    def test_peers_are_set_against_sluice(self):
        peers = [
            {"workload": "W1 160 X", "cpuSecondsPerMpkt": 5.0},
            {"workload": "W4 60 X", "cpuSecondsPerMpkt": 5.0},
        ]
        report.add_peer_ratios(peers, [result(cyclesPerOutputPacket=650.0)], 2.6e9)
        self.assertEqual(peers[0]["timesSluice"], 20.0)
        self.assertIsNone(peers[1]["timesSluice"])

    def test_scaling_is_set_against_the_smallest(self):
        rows = [
            {"endpoints": 1000, "cyclesPerOutputPacket": 600},
            {"endpoints": 100, "cyclesPerOutputPacket": 400},
        ]
        report.add_scaling_ratios(rows)
        self.assertEqual([row["timesSmallest"] for row in rows], [1.5, 1.0])


class Bencode(unittest.TestCase):
    def test_there_and_back(self):
        value = {"command": "offer", "sdp": "v=0\r\n", "flags": ["a", "b"], "n": -3, "empty": {}}
        self.assertEqual(bencode.decode(bencode.encode(value)), value)

    def test_keys_are_sorted(self):
        self.assertEqual(bencode.encode({"b": 1, "a": "x"}), b"d1:a1:x1:bi1ee")

    def test_what_is_broken_is_refused(self):
        for data in (b"", b"i1", b"5:abc", b"l", b"d1:ae", b"x", b"i1ei2e", b"ixe"):
            with self.assertRaises(bencode.BencodeError, msg=data):
                bencode.decode(data)


class Peers(unittest.TestCase):
    def test_sdp_of_both_kinds(self):
        plain = rtpengine.sdp(("198.18.1.1", 2000), workloads.PLAIN, 1, "")
        self.assertIn("m=audio 2000 RTP/AVP 0\r\n", plain)
        self.assertNotIn("crypto", plain)
        secure = rtpengine.sdp(("198.18.1.1", 2000), workloads.CM80, 3, "KEY")
        self.assertIn("RTP/SAVP", secure)
        self.assertIn("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\n", secure)

    def test_what_rtpengine_offers_is_understood(self):
        text = "v=0\r\nm=audio 20016 RTP/SAVP 0\r\na=crypto:1 A inline:K1\r\na=crypto:8 B inline:K2\r\n"
        self.assertEqual(rtpengine.offered(text), (20016, {"A": (1, "K1"), "B": (8, "K2")}))
        with self.assertRaises(rtpengine.RtpengineError):
            rtpengine.offered("v=0\r\n")

    def test_the_udp_relay_crosses_calls_over(self):
        row = workloads.calls("W1", "", 160, (workloads.CM80, workloads.CM80), 4)
        lines = [line.split() for line in udp_relay.table(row).splitlines()]
        self.assertEqual([int(line[3]) for line in lines], [1, 0, 3, 2])
        self.assertEqual(len({line[0] for line in lines}), 4)

    def test_the_udp_relay_copies_broadcasts(self):
        row = workloads.broadcast(workloads.GCM, publishers=2, subscribers=3)
        lines = [line.split() for line in udp_relay.table(row).splitlines()]
        self.assertEqual(
            [line[3:] for line in lines], [["1", "3"], *[["0", "0"]] * 3, ["5", "3"], *[["0", "0"]] * 3]
        )


class Measuring(unittest.TestCase):
    def test_cost_is_between_two_readings(self):
        before = {"busyCycles": 1000, "transmitted": 10}
        self.assertEqual(measure.cost_of(before, {"busyCycles": 7000, "transmitted": 30}), 300)
        self.assertIsNone(measure.cost_of(before, before))

    def test_rings_have_the_size_that_was_asked_for_whatever_the_load(self):
        say = print
        for size in (measure.RING_SIZE, 4096):
            lab = measure.Lab("/build", "/logs", 1, 0, 2.6e9, True, say, size)
            made = measure.config(lab, {})
            self.assertEqual(made["ports"][0]["device"], f"ring:{measure.RING},size={size}")
        self.assertEqual(measure.RING_SIZE, 1024)

    def test_steal_is_of_one_cpu(self):
        self.assertEqual(machine.steal_share({1: (0, 0)}, {1: (5, 100)}, 1), 0.05)
        self.assertEqual(machine.steal_share({}, {}, 1), 0.0)

    def test_the_counter_ticks_at_a_rate_that_a_cpu_has(self):
        self.assertTrue(5e8 < machine.tsc_hz(0.02) < 1e10)


class Control(unittest.TestCase):
    def test_a_loss_is_the_workers_or_the_generators(self):
        trial = {"lost": 16, "refused": 4, "skipped": 9}
        found = control.losses(trial, {"transmit_queue_full": 5, "replayed": 7})
        self.assertEqual((found["lostByWorker"], found["lostByGenerator"], found["notSent"]), (11, 5, 9))
        self.assertEqual(control.losses({"lost": 0, "refused": 0, "skipped": 0}, {})["lostByWorker"], 0)

    def test_a_row_counts_where_the_worker_had_half_a_load_and_its_cpu(self):
        row = {"workerLoad": 0.5, "workerLoadMax": 0.6, "ratePps": 2e6, "seconds": 5.0, "lost": 0}
        self.assertEqual(control.disturbed({**row, "workerWaitedMs": 400.0}, 32768), (None, 2e6))
        why, rate = control.disturbed({**row, "workerWaitedMs": 400.0, "lost": 7}, 32768)
        self.assertIn("400 ms", why)
        self.assertEqual(rate, 2e6)
        self.assertIsNone(control.disturbed({**row, "workerWaitedMs": 9.0, "lost": 7}, 32768)[0])
        slow = {**row, "workerLoad": 1.0, "workerLoadMax": 1.0, "workerWaitedMs": 0.0}
        self.assertEqual(control.disturbed(slow, 32768)[1], 1e6)
        idle = {**row, "workerLoad": 0.25, "workerLoadMax": 0.3, "workerWaitedMs": 0.0}
        why, rate = control.disturbed(idle, 32768)
        self.assertIn("0.25", why)
        self.assertEqual(rate, 4e6)

    def test_the_table_says_how_much_was_lost_at_which_load(self):
        row = {
            "what": "DTLS handshakes",
            "count": 2000,
            "perSecond": 300.0,
            "perCpuSecond": 1700.0,
            "ratePps": 1800000,
            "workerLoad": 0.5,
            "workerLoadMax": 0.6,
            "workerWaitedMs": 12.0,
            **control.losses({"lost": 3, "refused": 3, "skipped": 0}, {}),
        }
        header, _, line = report.control_table([row])
        self.assertEqual(line.split()[-5:], ["3", "3", "0", "0", "12"])
        self.assertIn("packets lost", header)


class Floods(unittest.TestCase):
    def test_what_the_relay_took_and_lost_fails_the_run(self):
        flood = {"forged": "spoofed", "forgedPerPacket": 3}
        trial = {"lost": 7, "refused": 5}
        where = rows.lost_where(trial, {"transmit_queue_full": 2, "auth_failed": 900})
        self.assertEqual(where, {"lost": 7, "refused": 5, "lostInRelay": 0})
        machine_and = {"machine": MACHINE, "peers": []}
        self.assertEqual(report.problems({**machine_and, "results": [result(**flood, **where)]}), [])
        where = rows.lost_where(trial, {})
        self.assertIn("2 packets", report.problems({**machine_and, "results": [result(**flood, **where)]})[0])


class Carrying(unittest.TestCase):
    def test_what_waits_is_not_carried(self):
        self.assertTrue(rows.carried({"lossRatio": 0.0, "behindMs": 0.4}))
        self.assertFalse(rows.carried({"lossRatio": 0.0, "behindMs": 40.0}))
        self.assertFalse(rows.carried({"lossRatio": 1e-4, "behindMs": 0.4}))


class FakePlayer(unittest.TestCase):
    """Tests with a program that answers like `sluice-gen serve`."""

    ANSWERS = "import sys\nprint('{}', flush=True)\nfor line in sys.stdin: print(%r, flush=True)"

    def play(self, answer):
        with tempfile.TemporaryDirectory() as folder:
            binary = os.path.join(folder, "gen")
            with open(binary, "w") as file:
                file.write("#!/usr/bin/python3\n" + self.ANSWERS % answer)
            os.chmod(binary, 0o700)
            generator = Generator(binary, ["--ring", "x"], 0)
            with generator.serve("plan.json", os.path.join(folder, "log")) as player:
                yield player

    def test_orders_are_answered_in_turn(self):
        for player in self.play('{"lost": 3}'):
            self.assertEqual(player.run(1000, 0.1), {"lost": 3})
            self.assertEqual(player.run(2000, 0.1), {"lost": 3})

    def test_what_goes_wrong_is_told(self):
        for player in self.play('{"error": "rate: allowed are"}'):
            with self.assertRaisesRegex(GeneratorError, "rate: allowed"):
                player.run(-1, 0.1)
        for player in self.play('{"best": null}'):
            with self.assertRaisesRegex(GeneratorError, "every rate"):
                player.search(0.1, 1000, 0.01, 1e-6)


class Arguments(unittest.TestCase):
    def test_defaults(self):
        self.assertEqual(run.parse([]).workloads, list(workloads.NAMES))
        self.assertEqual(run.parse(["--quick"]).workloads, ["W0", "W1", "W4"])
        self.assertEqual(run.parse(["W2", "--endpoints", "100,1000"]).endpoints, [100, 1000])
        self.assertEqual(run.parse([]).rings, measure.RING_SIZE)
        self.assertIsNone(run.parse([]).only)
        self.assertEqual(run.parse(["--isa", "avx2"]).only, AVX2)
        self.assertEqual(run.parse(["--engine", "libsrtp"]).only, Engine("libsrtp"))

    def test_what_is_not_allowed_is_refused(self):
        for arguments in (
            ["W9"],
            ["--endpoints", "many"],
            ["--endpoints", "1"],
            ["--engine", "other"],
            ["--isa", "sse"],
            ["--isa", "avx2", "--engine", "libsrtp"],
            ["--rings", "1000"],
            ["--rings", "32"],
        ):
            with self.assertRaises(SystemExit, msg=arguments), open(os.devnull, "w") as quiet:
                stderr, sys.stderr = sys.stderr, quiet
                try:
                    run.parse(arguments)
                finally:
                    sys.stderr = stderr

    def test_they_are_checked_with_nothing_installed(self):
        for arguments, code in ((["W1", "--quick"], 0), (["W9"], 2)):
            done = subprocess.run(
                # -S: without site-packages, as before Debian's packages are installed.
                ["/usr/bin/python3", "-S", "-m", "suite.arguments", *arguments],
                env={"PYTHONPATH": os.path.join(ROOT, "bench")},
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn('workload "W9"', done.stderr)


class DistanceOfCpus(unittest.TestCase):
    def watch(self, readings):
        self.now_s = 0.0
        readings = iter(readings)

        def sleep(seconds):
            self.now_s += seconds

        distance = Distance("cpu_distance", (1, 0), clock=lambda: self.now_s, sleep=sleep)
        distance._measure = lambda: next(readings)
        return distance

    def test_waits_until_they_are_near_again(self):
        distance = self.watch([110, 500, 490, 130, 480])
        self.assertEqual(distance.now(), 110)
        self.assertEqual(distance.wait(20), 130)
        self.assertEqual(self.now_s, 1.0)
        self.assertEqual(distance.moved(distance.now()), "apart")
        self.assertEqual((distance.nearest, distance.farthest), (110, 500))

    def test_waits_no_longer_than_told(self):
        distance = self.watch([100] + [500] * 50)
        distance.now()
        self.assertEqual(distance.moved(distance.wait(3)), "apart")
        self.assertLessEqual(self.now_s, 3.0)

    def test_takes_the_only_distance_that_it_knows_for_near(self):
        for only in (500, 45):
            distance = self.watch([only])
            self.assertIsNone(distance.moved(distance.wait(3)))

    def test_one_core_is_not_nearer_than_two(self):
        distance = self.watch([115, 45, 44, 118])
        distance.now()
        self.assertEqual(distance.moved(45), "onto one core")
        self.assertEqual(distance.wait(20), 118)
        self.assertEqual((distance.nearest, distance.one_core), (115, 44))


if __name__ == "__main__":
    unittest.main()
