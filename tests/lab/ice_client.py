"""An ICE-controlling DTLS-SRTP client on one UDP socket, in plain Python. It can break the protocols in ways
that GStreamer does not allow.

Calls block, with deadlines. Tests use it, and the `dtls` peer while it sets up.
"""

import os
import select
import socket
import time

from . import stun
from .dtls import Dtls


def random_text(length):
    return os.urandom(length).hex()[:length]


class IceClient:
    def __init__(self, local, remote, family=socket.AF_INET, ufrag=None, password=None):
        """`local`, `remote`: (address, port). `ufrag`, `password`: of this client; random when not given."""
        self.ufrag, self.password = ufrag or random_text(8), password or random_text(32)
        self.remote = remote
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(local)
        self.other = []  # datagrams that were neither STUN nor DTLS
        self.received = []  # (first byte, length) of all datagrams
        self.dtls = None
        self._next_timeout = 0.0

    def send(self, datagram):
        self.socket.sendto(datagram, self.remote)

    def receive(self, timeout_s):
        """One datagram or None."""
        if not select.select([self.socket], [], [], max(0, timeout_s))[0]:
            return None
        try:
            datagram = self.socket.recvfrom(65536)[0]
        except ConnectionRefusedError:
            return None
        self.received.append((datagram[:1], len(datagram)))
        return datagram

    def check(self, remote_ufrag, remote_password, timeout_s=5.0, **options):
        """Sends a connectivity check and repeats it as RFC 8489 says. Returns the parsed answer, with the
        datagram as `raw`, or None at the deadline."""
        transaction = os.urandom(12)
        request = stun.binding_request(
            f"{remote_ufrag}:{self.ufrag}", remote_password, transaction=transaction, **options
        )
        deadline, wait = time.monotonic() + timeout_s, 0.25
        while time.monotonic() < deadline:
            self.send(request)
            until = min(time.monotonic() + wait, deadline)
            wait *= 2
            while (left := until - time.monotonic()) > 0:
                datagram = self.receive(left)
                if datagram is None:
                    continue
                parsed = stun.parse(datagram)
                if parsed and parsed["transaction"] == transaction:
                    parsed["raw"] = datagram
                    return parsed
                if datagram[:1] and 20 <= datagram[0] <= 63 and self.dtls:
                    self._feed(datagram)
                elif not parsed:
                    self.other.append(datagram)
        return None

    def _flush(self):
        for datagram in self.dtls.take_datagrams():
            self.send(datagram)

    def _feed(self, datagram):
        self.dtls.receive(datagram)
        self._flush()

    def start_dtls(self, certificate, profiles, server):
        self.dtls = Dtls(certificate, profiles, server)
        if not server:
            self.dtls.start()
            self._flush()

    def pump(self, until, timeout_s):
        """Feeds DTLS until `until()` holds. False at the deadline or on a DTLS error."""
        deadline = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline or (self.dtls.error and not self.dtls.connected):
                return until()
            datagram = self.receive(min(0.1, deadline - time.monotonic()))
            if datagram is None:
                if not self.dtls.connected:
                    self.dtls.handle_timeout()
                    self._flush()
            elif 20 <= datagram[0] <= 63:
                self._feed(datagram)
            elif datagram[0] > 3:
                self.other.append(datagram)
        return True

    def handshake(self, timeout_s=10.0):
        return self.pump(lambda: self.dtls.connected, timeout_s)

    def close(self):
        self.socket.close()
