"""Headless Chromium in a namespace, driven by the DevTools protocol over a pipe: JSON messages that end with
a zero byte, on the file descriptors 3 (to Chromium) and 4 (from it). Needs Debian's package `chromium`.
"""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

from .netns import LabError

PROGRAM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",  # the lab runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # It must not look for hosts outside the namespace.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that is not in front keeps its pace.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--autoplay-policy=no-user-gesture-required",
    # Candidates have addresses instead of mDNS names.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--force-webrtc-ip-handling-policy=default",
)


def installed():
    return os.access(PROGRAM, os.X_OK)


class Chromium:
    """One browser with one page, on which evaluate() runs JavaScript. Threads may share it."""

    def __init__(self, namespace, log_path, start_timeout_s=60):
        self.log_path = log_path
        self._profile = tempfile.mkdtemp(prefix="sluice-chromium-")
        self._answers = {}
        self._id = 0
        self._ended = self._closed = False
        self._changed = threading.Condition()
        self._session = None
        from_us, self._to_browser = os.pipe()
        self._from_browser, to_us = os.pipe()
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace]
                + ["bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash", PROGRAM]
                + [*FLAGS, f"--user-data-dir={self._profile}", "--remote-debugging-pipe"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(from_us, to_us),
                start_new_session=True,
            )
        os.close(from_us)
        os.close(to_us)
        atexit.register(self.close)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.version = self.command("Browser.getVersion", start_timeout_s)["product"]
            target = self.command("Target.createTarget", start_timeout_s, url="about:blank")["targetId"]
            self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.command("Runtime.enable")
        except Exception:
            self.close()
            raise

    def _read(self):
        pending = b""
        with open(self.log_path, "a") as log:
            while data := os.read(self._from_browser, 65536):
                *messages, pending = (pending + data).split(b"\0")
                for message in map(json.loads, messages):
                    with self._changed:
                        if "id" in message:
                            self._answers[message["id"]] = message
                            self._changed.notify_all()
                    # What the page's console and its uncaught errors say.
                    if message.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                        log.write(f"{json.dumps(message['params'])}\n")
                        log.flush()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def command(self, method, timeout_s=20, **params):
        """Sends a command of the protocol and returns its result. LabError when Chromium refuses it, ends, or
        does not answer in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._id += 1
            number = self._id
            message = {"id": number, "method": method, "params": params}
            if self._session:
                message["sessionId"] = self._session
            try:
                data = json.dumps(message).encode() + b"\0"
                while data:
                    data = data[os.write(self._to_browser, data) :]
            except BrokenPipeError:
                pass  # it has ended; told below
            while number not in self._answers:
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    what = "ended" if self._ended else f"gave no answer within {timeout_s} s"
                    raise LabError(f"Chromium {what}: {method}; log: {self.log_path}")
                self._changed.wait(left)
            answer = self._answers.pop(number)
        if "error" in answer:
            raise LabError(f"Chromium refused {method}: {answer['error']}")
        return answer["result"]

    def evaluate(self, expression, timeout_s=20):
        """The value of a JavaScript expression; that of its promise, when it is one."""
        answer = self.command(
            "Runtime.evaluate", timeout_s, expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details["text"]
            raise LabError(f"Chromium, in the page: {text}; log: {self.log_path}")
        return answer["result"].get("value")

    def close(self, timeout_s=5):
        if self._closed:
            return
        self._closed = True
        try:
            os.close(self._to_browser)  # Chromium ends when the pipe does
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)
