"""The parts that all end-to-end test files share: cases, a daemon in namespaces, and checks of the media.

A file registers its cases with @case and ends with main(), which calls each case with the Lab. To run one
file: /usr/bin/python3 FILE [--only REGEX] [--build DIR]. It prints one line for each case, and
`N passed, N failed` as the last line.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from lab import daemon as daemons  # noqa: E402
from lab.calls import Room  # noqa: E402
from lab.netns import Net  # noqa: E402

_cases = []


class Skip(Exception):
    """A case raises this, with the reason, when it cannot run on this machine. It then neither passes nor
    fails."""


def case(function):
    _cases.append(function)
    return function


def eventually(condition, timeout_s, what, every_s=0.1):
    """Waits for the first true value of condition() and returns it. AssertionError at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)


def equal(found, expected, what):
    assert found == expected, f"{what}: {found!r}, expected {expected!r}"


class Lab:
    """Namespaces, and sluiced in one of them. It runs with the demo's configuration and `changes`."""

    def __init__(self, name, changes=None, ipv6=True, start=True):
        self.build = options.build
        self.binary = os.path.join(self.build, "controlplane", "sluiced")
        self.ctl = os.path.join(self.build, "controlplane", "sluicectl")
        self.logs = os.path.join(self.build, "e2e-logs", name)
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)
        self.net = Net(ipv6=ipv6)
        # Each test file has its own socket, so files may run at the same time.
        self.socket = f"/run/sluice-lab/{self.net.run_id}.sock"
        base = daemons.load_config(os.path.join(ROOT, "tests", "demo", "demo.toml"))
        self.config = daemons.merged(
            base,
            {"api": {"socket": self.socket}, "workers": {"idle": "yield"}, "log": {"level": "debug"}},
        )
        self.config = daemons.merged(self.config, changes or {})
        if options.port != "tap":
            self.config["ports"][0]["device"] = daemons.DEVICES[options.port]
        self.daemon = self.rpc = None
        self._rooms = []
        if start:
            self.start()

    def start(self, changes=None, name="sluiced"):
        config = daemons.merged(self.config, changes or {})
        path = daemons.write_config(os.path.join(self.logs, f"{name}.toml"), config)
        device = "ring" if config["ports"][0]["device"].startswith("ring:") else options.port
        self.daemon = daemons.Daemon(
            self.net, self.binary, path, os.path.join(self.logs, f"{name}.log"), device
        )
        self.rpc = self.daemon.rpc()
        self.rpc.call("event.subscribe")
        return self.rpc

    def stop(self):
        """Sends SIGTERM and returns the exit code."""
        self.rpc.close()
        code = self.daemon.terminate()
        self.daemon = None
        return code

    def run(self, *arguments, config=None, timeout_s=30, prefix=()):
        """Runs sluiced in the relay namespace until it ends, for starts that fail. Returns (exit code,
        output)."""
        if config is not None:
            path = daemons.write_config(
                os.path.join(self.logs, "run.toml"), daemons.merged(self.config, config)
            )
            arguments = ("--config", path, *arguments)
        done = subprocess.run(
            ["ip", "netns", "exec", self.net.relay, *prefix, self.binary, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return done.returncode, done.stdout + done.stderr

    def sluicectl(self, *arguments, socket=None, timeout_s=20):
        done = subprocess.run(
            [self.ctl, "--socket", socket or self.socket, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return done.returncode, done.stdout, done.stderr

    def room(self, session):
        room = Room(self.net, self.rpc, session, self.logs)
        self._rooms.append(room)
        return room

    def ledger_balances(self, timeout_s=8):
        eventually(
            lambda: all(worker["ledgerBalanced"] for worker in self.rpc.call("worker.list")["workers"]),
            timeout_s,
            "the ledger of every worker balances",
        )

    def drops(self):
        return self.rpc.call("drop.list")["drops"]

    def close(self):
        for room in self._rooms:
            room.close()
        if self.daemon:
            self.daemon.kill()
        self.net.close()


def frames(party, codec):
    return (party.peer.status or {}).get("decoded", {}).get(codec, 0)


def wait_frames(party, codec, count, timeout_s=15):
    party.peer.wait_status(
        lambda status: status["decoded"].get(codec, 0) >= count, timeout_s, f"{count} decoded {codec} frames"
    )


def watched(status, ssrc):
    return next((stream for stream in status["streams"] if stream["ssrc"] == ssrc), None)


def check_continuous(party, codec, status):
    """Checks one stream as the receiver saw it: the expected SSRC and payload type, no gap, no repeat, no
    jump in time, no packet refused by SRTP. Returns the stream's counts."""
    wanted = party.receive[codec]
    stream = watched(status, wanted["ssrc"])
    assert (
        stream
    ), f"{party.id} got no {codec} with SSRC {wanted['ssrc']}, only {[s['ssrc'] for s in status['streams']]}"
    equal(stream["payloadTypes"], [wanted["pt"]], f"{party.id}'s {codec} payload types")
    breaks = {key: stream[key] for key in ("gaps", "duplicates", "timestampJumps")}
    assert not any(breaks.values()), f"{party.id}, {codec}: {breaks} {stream['anomalies']}"
    equal(status["rejected"], 0, f"packets that {party.id}'s SRTP refused")
    return stream


def main(changes=None, **lab_options):
    """Runs this file's cases in order, on one Lab."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    chosen = [function for function in _cases if re.search(options.only, f"{name}.{function.__name__}")]
    if options.list:
        for function in chosen:
            print(f"{name}.{function.__name__}")
        return 0
    passed = failed = skipped = 0
    lab = None
    try:
        for function in chosen:
            begun = time.monotonic()
            try:
                if lab is None:
                    lab = Lab(name, changes, **lab_options)
                function(lab)
            except Skip as reason:
                skipped += 1
                print(f"skipped {name}.{function.__name__}: {reason}", flush=True)
            except Exception as error:
                failed += 1
                where = traceback.extract_tb(error.__traceback__)
                line = next(
                    (entry for entry in reversed(where) if entry.filename == os.path.abspath(sys.argv[0])),
                    where[-1],
                )
                print(
                    f"FAILED {name}.{function.__name__} ({time.monotonic() - begun:.1f} s), "
                    f"line {line.lineno}: "
                    f"{type(error).__name__}: {error}",
                    flush=True,
                )
                if lab is None:
                    failed += len(chosen) - 1
                    print(
                        f"FAILED the other {len(chosen) - 1} of {name}: no daemon to run them on", flush=True
                    )
                    break
            else:
                passed += 1
                print(f"ok     {name}.{function.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
        if lab:
            lab.close()
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed + skipped else 0


def _parse():
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), metavar="DIR")
    parser.add_argument("--port", choices=sorted(daemons.DEVICES), default="tap")
    return parser.parse_args()


options = _parse()
