"""The cases of test_two_workers on a port with a single queue: the first worker hands packets to the second,
and the second worker sends by the first worker's queue."""

import os
import sys

import harness

harness.options.port = "af_packet"

import test_two_workers  # noqa: E402  registers the cases

if __name__ == "__main__":
    if os.cpu_count() < 2:
        print("0 passed, 0 failed")
        sys.exit(0)
    sys.exit(harness.main(test_two_workers.CHANGES))
