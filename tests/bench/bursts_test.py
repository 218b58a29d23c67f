"""The rows of W6: what they say of a load, of a delay, and of what was missed."""

import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests")]

from suite import bursts, report, workloads  # noqa: E402
from suite.engines import BEST  # noqa: E402

MACHINE = {"twoCpusShareACore": "no"}
BURST_TRIAL = {
    "rate": 26880.0,
    "inputPps": 26880.0,
    "outputPps": 1344000.0,
    "skipped": 0,
    "lost": 0,
    "lossRatio": 0.0,
    "generatorLimited": False,
    "latencyUs": {"p50": 1600.0, "p99": 7800.0, "p999": 9000.0, "max": 15000.0},
    "verifiedPackets": 6701,
    "verifyFailures": 0,
}
COUNTED = {"busy": 0.5, "drops": {}, "balanced": True, "steal": 0.0, "waitedMs": 0.0}


def burst(**changes):
    """A row of W6 at 70 %."""
    waits = {"waited": 5, "waitMsP99": 1.5}
    return bursts.row_of(workloads.bursts(), BEST, 0.7, {**BURST_TRIAL, **changes}, COUNTED, waits)


class Bursts(unittest.TestCase):
    def report(self, row):
        return {"machine": MACHINE, "results": [row], "peers": []}

    def test_a_row_has_its_load_and_the_delay_of_99_in_100(self):
        row = burst()
        self.assertEqual((row["load"], row["measuredLoad"], row["broadcastsSending"]), (0.7, 0.7, 14))
        self.assertEqual((row["queueDelayMsP99"], row["waitMsP99"], row["limitedBy"]), (7.8, 1.5, None))
        self.assertEqual(report.remarks(self.report(row)), [])
        self.assertEqual(report.problems(self.report(row)), [])
        self.assertIn("70%", report.bursts_table([row])[2])

    def test_what_was_missed_is_said(self):
        self.assertIn("3 copies were lost", report.remarks(self.report(burst(lost=3)))[0])
        slow = burst(latencyUs={**BURST_TRIAL["latencyUs"], "p99": 24000.0})
        self.assertIn("24.0 ms; the target is 20 ms", report.remarks(self.report(slow))[0])

    def test_a_load_that_was_not_reached_says_who_was_the_limit(self):
        row = burst(inputPps=20000.0)
        self.assertEqual(row["limitedBy"], "generator")
        notes = " ".join(report.remarks(self.report(row)))
        self.assertIn("the generator sent 74.4% of what was asked for", notes)
        self.assertIn("the generator was the limit", notes)
        self.assertEqual(bursts.limited_by(BURST_TRIAL, 0.99), "worker")


if __name__ == "__main__":
    unittest.main()
