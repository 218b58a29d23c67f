"""RTP and RTCP packets made field by field, on a plain socket in a peer's namespace. Tests use them for
packets that real senders never send."""

import select
import socket
import struct
import time

from .netns import inside
from .rtp_watch import is_rtcp


def rtp(ssrc, sequence, timestamp, payload_type, payload=bytes(40), marker=False):
    return (
        struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if marker else 0),
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + payload
    )


def _rtcp(kind, count, body):
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def sender_report(ssrc, ntp, rtp_time, packets=0, octets=0):
    return _rtcp(200, 0, struct.pack("!IQIII", ssrc, ntp, rtp_time & 0xFFFFFFFF, packets, octets))


def receiver_report(ssrc, *blocks):
    """Each block: (reported SSRC, fraction, cumulative, highest, jitter, lsr, dlsr)."""
    body = struct.pack("!I", ssrc)
    for about, fraction, cumulative, highest, jitter, lsr, dlsr in blocks:
        body += struct.pack("!IIIIII", about, fraction << 24 | cumulative, highest, jitter, lsr, dlsr)
    return _rtcp(201, len(blocks), body)


def nack(ssrc, media_ssrc, sequence, mask=0):
    return _rtcp(205, 1, struct.pack("!IIHH", ssrc, media_ssrc, sequence, mask))


def pli(ssrc, media_ssrc):
    return _rtcp(206, 1, struct.pack("!II", ssrc, media_ssrc))


def fir(ssrc, media_ssrc, number):
    return _rtcp(206, 4, struct.pack("!IIIB3x", ssrc, 0, media_ssrc, number))


def bye(*ssrcs):
    return _rtcp(203, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def parts(compound):
    """The packets of a compound: [(type, count, body from the sender's SSRC on)]."""
    found, at = [], 0
    while at + 8 <= len(compound):
        end = at + 4 * (struct.unpack_from("!H", compound, at + 2)[0] + 1)
        found.append((compound[at + 1], compound[at] & 0x1F, compound[at + 4 : end]))
        at = end
    return found


class RawPeer:
    """One UDP socket, for RTP and RTCP together or for one of them."""

    def __init__(self, namespace, local, remote=None):
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self.socket = inside(namespace, socket.socket, family, socket.SOCK_DGRAM)
        self.socket.bind(local)
        self.remote = remote

    def send(self, data, remote=None):
        self.socket.sendto(data, remote or self.remote)

    def receive(self, timeout_s=1.0, want=None):
        """The next datagram that want(datagram) accepts, or None."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return None
            data = self.socket.recv(65536)
            if want is None or want(data):
                return data
        return None

    def receive_rtp(self, timeout_s=1.0):
        return self.receive(
            timeout_s, lambda data: len(data) >= 12 and 128 <= data[0] <= 191 and not is_rtcp(data)
        )

    def receive_rtcp(self, timeout_s=1.0, kind=None):
        """The next RTCP packet of that type: (type, count, body)."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            data = self.receive(left, is_rtcp)
            for part in parts(data or b""):
                if kind is None or part[0] == kind:
                    return part
        return None

    def close(self):
        self.socket.close()
