"""rtpengine from Debian, in user space (no kernel table). Its ng protocol places the calls.

Both sides use SDES, and rtpengine must decrypt and encrypt. It passes SRTP through unchanged when both sides
agree on one suite, so a callee of a W1 call answers with AES_CM_128_HMAC_SHA1_32 (the same cipher and HMAC, a
shorter tag). Both sides then have different keys, which the receiver's libsrtp2 checks.
"""

import re
import socket
import subprocess
import time

from lab.netns import inside

from .. import workloads
from ..processes import end, start
from . import bencode

NG_PORT = 2223
PORTS = (20000, 60000)
_OWN_MEDIA = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_OWN_CRYPTO = re.compile(r"^a=crypto:(\d+) (\S+) inline:(\S+)", re.MULTILINE)


class RtpengineError(Exception):
    """rtpengine did not start, or refused a call."""


def sdp(address, protection, tag, key):
    ip, port = address
    srtp = protection != workloads.PLAIN
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {ip}",
        "s=-",
        f"c=IN IP4 {ip}",
        "t=0 0",
        f"m=audio {port} {'RTP/SAVP' if srtp else 'RTP/AVP'} 0",
        "a=rtpmap:0 PCMU/8000",
        "a=sendrecv",
        "a=rtcp-mux",
    ]
    if srtp:
        lines.append(f"a=crypto:{tag} {protection} inline:{key}")
    return "\r\n".join(lines) + "\r\n"


def offered(text):
    """(port, {suite: (tag, key)}) in an SDP of rtpengine."""
    port = _OWN_MEDIA.search(text)
    if not port:
        raise RtpengineError(f"no audio in {text!r}")
    return int(port[1]), {suite: (int(tag), key) for tag, suite, key in _OWN_CRYPTO.findall(text)}


class Ng:
    def __init__(self, namespace):
        self._socket = inside(namespace, self._open)
        self._count = 0

    @staticmethod
    def _open():
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.connect(("127.0.0.1", NG_PORT))
        link.settimeout(3)
        return link

    def call(self, command, **params):
        self._count += 1
        cookie = b"bench%d" % self._count
        message = {key.replace("_", "-"): value for key, value in params.items()}
        self._socket.send(cookie + b" " + bencode.encode({"command": command, **message}))
        while True:
            answer = self._socket.recv(65535)
            if answer.startswith(cookie + b" "):
                break
        answer = bencode.decode(answer[len(cookie) + 1 :])
        if answer.get("result") not in ("ok", "pong"):
            raise RtpengineError(f"{command}: {answer.get('error-reason', answer)}")
        return answer


def place(ng, name, caller, callee, ip):
    """Places a call. Writes the keys that rtpengine chose into the parties. Returns rtpengine's "ip:port" for
    each party."""
    srtp = {True: "RTP/SAVP", False: "RTP/AVP"}
    offer = ng.call(
        "offer",
        call_id=name,
        from_tag="a",
        sdp=sdp(caller.address, caller.protection, 1, caller.send_key),
        transport_protocol=srtp[callee.protection != workloads.PLAIN],
        ICE="remove",
        DTLS="off",
    )
    to_callee, choice = offered(offer["sdp"])
    tag = 1
    if callee.protection != workloads.PLAIN:
        if callee.protection not in choice:
            raise RtpengineError(f"{callee.protection} is not among {sorted(choice)}")
        tag, callee.receive_key = choice[callee.protection]
    answer = ng.call(
        "answer",
        call_id=name,
        from_tag="a",
        to_tag="b",
        sdp=sdp(callee.address, callee.protection, tag, callee.send_key),
        transport_protocol=srtp[caller.protection != workloads.PLAIN],
        ICE="remove",
        DTLS="off",
    )
    to_caller, choice = offered(answer["sdp"])
    if caller.protection != workloads.PLAIN:
        caller.receive_key = choice[caller.protection][1]
        if caller.receive_key == callee.send_key or callee.receive_key == caller.send_key:
            raise RtpengineError("rtpengine passes SRTP through: it neither decrypts nor encrypts")
    return f"{ip}:{to_caller}", f"{ip}:{to_callee}"


class Rtpengine:
    """A context manager: the daemon in its namespace, on one CPU."""

    name = "rtpengine"

    def __init__(self, namespace, ip, cpu, log_path, threads=1):
        self.namespace, self.ip = namespace, ip
        self.version = version()
        with open(log_path, "wb") as log:
            self.process = start(
                ["ip", "netns", "exec", namespace, "taskset", "-c", str(cpu), "rtpengine"]
                + ["--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1"]
                + [f"--interface={ip}", f"--listen-ng=127.0.0.1:{NG_PORT}", f"--num-threads={threads}"]
                + [f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}", "--timeout=600"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.log_path = log_path
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        deadline = time.monotonic() + 15
        while True:
            try:
                self.ng = Ng(self.namespace)
                self.ng.call("ping")
                return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log_path, errors="replace") as log:
                    raise RtpengineError(f"rtpengine does not answer: {log.read()[-600:]}")
            time.sleep(0.1)

    def set_up(self, workload):
        """Places calls of two endpoints, in the order of calls(). Returns the relay's address for each
        endpoint."""
        relays = []
        for number in range(0, len(workload.endpoints), 2):
            caller, callee = workload.endpoints[number : number + 2]
            relays += place(self.ng, caller.session, caller, callee, self.ip)
        return relays

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        end(self.process, 10)


def version():
    try:
        done = subprocess.run(["rtpengine", "--version"], capture_output=True, text=True, timeout=10)
    except FileNotFoundError:
        return None
    found = re.search(r"\d[\w.+~-]*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def install():
    """Installs Debian's package without starting its service. The service stays disabled."""
    if version():
        return
    environment = {
        "DEBIAN_FRONTEND": "noninteractive",
        "RUNLEVEL": "1",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", "rtpengine-daemon"],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RtpengineError(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
