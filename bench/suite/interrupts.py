"""Ends a run in order when a signal comes, or when its output has lost its reader. The first signal raises
Interrupted where the program is; those that follow change nothing, so that they cannot stop the clean-up.
"""

import contextlib
import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The run ends early. Its text says why."""


class _State:
    held = 0  # how many blocks postpone the signal
    came = None  # the first signal
    raised = False


def _raise_now():
    _State.raised = True
    raise Interrupted(signal.Signals(_State.came).name)


def _on_signal(number, _frame):
    if _State.came is not None:
        return
    _State.came = number
    if not _State.held:
        _raise_now()


def install():
    """Also replaces what a shell sets for programs in the background: there SIGINT is ignored."""
    for number in SIGNALS:
        signal.signal(number, _on_signal)


@contextlib.contextmanager
def held():
    """Postpones the signal to the end of the block: for steps that must not be half done, such as starting a
    process and noting that it runs."""
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
    if _State.came is not None and not _State.held and not _State.raised:
        _raise_now()


def write_line(stream_name, text):
    """Prints a line on sys.stdout or sys.stderr. When the reader has gone (`scripts/bench | head -1`), the
    rest of the output goes nowhere, and False is returned."""
    stream = getattr(sys, stream_name)
    try:
        print(text, file=stream, flush=True)
        return True
    except BrokenPipeError:
        # Python writes what is left at its end: that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
