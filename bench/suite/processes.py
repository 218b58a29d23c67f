"""Starts and ends the processes of the suite. It knows every process that it has started, so that none is
left when a run is interrupted. Each has a session of its own: Ctrl-C on the terminal reaches the suite alone,
which then ends them in order.
"""

import subprocess

from .interrupts import held

_running = set()


def start(command, **options):
    """As subprocess.Popen."""
    with held():
        process = subprocess.Popen(command, start_new_session=True, **options)
        _running.add(process)
    return process


def go_first(process):
    """Gives the process the highest priority among those of other sessions. Its own nice value is not enough:
    where the kernel groups processes by session (autogroup), it counts only within the session."""
    try:
        with open(f"/proc/{process.pid}/autogroup", "w") as file:
            file.write("-20")
    except OSError:
        pass  # the kernel has no such groups, or the process has ended


def output_of(command, timeout_s):
    """Runs a program to its end, and returns its exit code and output as subprocess.run does. A program that
    is interrupted or too slow gets the chance to give back its huge pages."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        end(process, 5)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


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
    _running.discard(process)


def end_all(seconds=20):
    """Ends what still runs."""
    for process in list(_running):
        end(process, seconds)
