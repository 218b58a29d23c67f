"""How a process that the suite has started comes to its end."""

import subprocess


def end(process, seconds):
    """Asks it to end, and waits."""
    if process.poll() is None:
        process.terminate()
        await_end(process, seconds)


def await_end(process, seconds):
    """For one that has been asked already. What does not end within `seconds` is ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
