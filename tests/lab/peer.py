"""The parent's side of a peer process (peer_main.py): starts it in a namespace, sends it commands and reads
its messages."""

import json
import os
import subprocess
import threading
import time

from .netns import LabError

PYTHON = "/usr/bin/python3"  # Debian's, which has gi
MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_main.py")


class Peer:
    def __init__(self, namespace, spec, log_path):
        self.id, self.kind, self.spec, self.log_path = spec["id"], spec["kind"], spec, log_path
        self.status = self.final = None
        self.messages = []
        self._changed = threading.Condition()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "GST_REGISTRY_FORK": "no"}
        environment.setdefault("GST_DEBUG", "*:ERROR")
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace, PYTHON, MAIN],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        self._write(spec)

    def _write(self, message):
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # the peer has ended; wait() reports it

    def _read(self):
        with open(self.log_path, "a") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                try:
                    message = json.loads(line)
                except ValueError:
                    continue
                with self._changed:
                    if message["event"] in ("status", "final"):
                        self.status = message
                    if message["event"] == "final":
                        self.final = message
                    if message["event"] != "status":
                        self.messages.append(message)
                    self._changed.notify_all()
        with self._changed:
            self.messages.append({"event": "ended"})
            self._changed.notify_all()

    def error(self):
        """The text of the peer's `error` message, or None."""
        with self._changed:
            return next(
                (message["message"] for message in self.messages if message["event"] == "error"), None
            )

    def wait_until(self, condition, timeout_s, what):
        """Calls condition(self) after each message and returns its first true value. LabError at the
        deadline, at an error of the peer, or when the peer ends."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                result = condition(self)
                if result:
                    return result
                failed = next((m for m in self.messages if m["event"] in ("error", "ended")), None)
                if failed:
                    raise LabError(
                        f"peer {self.id} ({self.kind}), waiting for {what}: "
                        f"{failed.get('message', 'it ended')}; log: {self.log_path}"
                    )
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LabError(
                        f"peer {self.id} ({self.kind}): no {what} within {timeout_s} s; log: {self.log_path}"
                    )
                self._changed.wait(left)

    def wait(self, event, timeout_s=20, **fields):
        return self.wait_until(
            lambda peer: next(
                (
                    m
                    for m in peer.messages
                    if m["event"] == event and all(m.get(key) == value for key, value in fields.items())
                ),
                None,
            ),
            timeout_s,
            f"{event} {fields or ''}".strip(),
        )

    def wait_status(self, condition, timeout_s, what):
        """Calls condition(status) for the last status line and each later one. Returns the first status for
        which it is true."""
        return self.wait_until(
            lambda peer: peer.status and condition(peer.status) and peer.status, timeout_s, what
        )

    def command(self, do, **fields):
        self._write({"do": do, **fields})

    def fresh_status(self, timeout_s=5):
        with self._changed:
            old = self.status
        self.command("status")
        return self.wait_until(lambda peer: peer.status is not old and peer.status, timeout_s, "status")

    def finish(self, timeout_s=10):
        """Ends the peer and returns its final status."""
        self.command("finish")
        final = self.wait_until(lambda peer: peer.final, timeout_s, "final status")
        self.close()
        return final

    def close(self, timeout_s=3):
        try:
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
