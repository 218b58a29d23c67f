"""The same room on a port with a single queue: the second worker receives what the first hands over, and
sends by its queue."""

import os
import sys

import harness

harness.options.port = "af_packet"

import test_two_workers  # noqa: E402  its cases are this file's

if __name__ == "__main__":
    if os.cpu_count() < 2:
        print("0 passed, 0 failed")
        sys.exit(0)
    sys.exit(harness.main(test_two_workers.CHANGES))
