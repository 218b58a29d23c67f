"""Ends processes that the suite has started."""

import subprocess


def end(process, seconds):
    """Sends SIGTERM and waits; sends SIGKILL after `seconds`."""
    if process.poll() is None:
        process.terminate()
        await_end(process, seconds)


def await_end(process, seconds):
    """Waits for a process that was asked to end; sends SIGKILL after `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
