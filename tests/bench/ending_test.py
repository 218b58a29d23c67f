"""What a run of scripts/bench leaves behind when it ends early: no process and no huge page."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests")]

from suite import hugepages, measure, processes  # noqa: E402


class Ending(unittest.TestCase):
    # Starts a child, and says its id. Then it waits.
    PROGRAM = """
import sys, time
sys.path[:0] = [%r, %r]
from suite import interrupts, processes
interrupts.install()
try:
    child = processes.start(["sleep", "60"])
    with interrupts.held():
        print(child.pid, flush=True)
        time.sleep(0.3)
        print("held", flush=True)
    time.sleep(60)
except interrupts.Interrupted as why:
    print(why, flush=True)
finally:
    processes.end_all()
"""

    def interrupted_by(self, number):
        program = self.PROGRAM % (os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests"))
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        child = int(process.stdout.readline())
        process.send_signal(number)
        said = [process.stdout.readline().strip()]
        process.send_signal(signal.SIGINT)  # an impatient second one changes nothing
        said += process.stdout.read().split()
        process.stdout.close()
        self.assertEqual(process.wait(10), 0)
        with self.assertRaises(ProcessLookupError):
            os.kill(child, 0)
        return said

    def test_signals_end_every_process_that_was_started(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.assertEqual(self.interrupted_by(number), ["held", number.name])

    def test_output_without_a_reader_goes_nowhere(self):
        program = (
            f"import sys; sys.path[:0] = [{os.path.join(ROOT, 'bench')!r}]\n"
            "from suite import interrupts\n"
            "sys.stdin.readline()\n"
            "print([interrupts.write_line('stdout', 'x') for _ in range(3)], file=sys.stderr)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdout.close()
        _, said = process.communicate("go\n", timeout=10)
        self.assertEqual((said.strip(), process.returncode), ("[False, True, True]", 0))

    def test_a_program_that_is_too_slow_is_ended(self):
        began = time.monotonic()
        with self.assertRaises(subprocess.TimeoutExpired):
            processes.output_of(["sleep", "60"], 0.1)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(processes.output_of(["echo", "there"], 5).stdout, "there\n")

    def test_files_of_huge_pages_are_removed_and_those_of_others_are_not(self):
        with tempfile.TemporaryDirectory() as mount:
            for name in ("sluice-benchmap_0", "sluice-bench-baremap_7", "sluice-labmap_0", "rtemap_0"):
                with open(os.path.join(mount, name), "w"):
                    pass
            hugepages.remove_files([mount], measure.DPDK_PREFIXES)
            self.assertEqual(sorted(os.listdir(mount)), ["rtemap_0", "sluice-labmap_0"])


if __name__ == "__main__":
    unittest.main()
