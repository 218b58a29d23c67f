"""The steps of fuzz_worker."""

import struct

from seeds import control, link, media

FRAME, FROM_PEER, AS_IT_IS, TIME, SWITCH, TO_RTCP_PORT = range(6)
PLAIN, SDES, WEBRTC, OTHER = range(4)
FIRST_ROUTE_SSRC = 0x51000000


def step(what, peer=0):
    """The byte of a step: the high four bits select the peer, the rest modulo 6 the kind."""
    return next(bytes([code]) for code in range(16 * peer, 16 * peer + 16) if code % 6 == what)


def packet(peer, data, what=FROM_PEER):
    return step(what, peer) + struct.pack(">H", len(data)) + data


def frame(data):
    return step(FRAME) + struct.pack(">H", len(data)) + data


def wait(hundredths):
    return step(TIME) + bytes([hundredths])


def switch(route, source):
    return step(SWITCH) + bytes([16 * source + route])


def stream(peer, count=4, first=7, gap=(), payload_type=96, extension=None):
    profile = None if extension is None else 0xBEDE
    packets = (
        media.rtp_packet(profile, extension or b"", sequence=first + i, payload_type=payload_type)
        for i in range(count)
        if i not in gap
    )
    return b"".join(packet(peer, data) for data in packets)


def route_ssrc(number):
    return struct.pack(">I", FIRST_ROUTE_SSRC + number)


def feedback(kind, count, route, information, sender=b"\x99\x99\x99\x99"):
    return media.rtcp(kind, count, sender + (route_ssrc(route) if count != 4 else bytes(4)) + information)


def block(route, highest):
    return route_ssrc(route) + bytes([3, 0, 0, 5]) + struct.pack(">I", highest) + bytes(12)


def seeds():
    mid = b"\x30a\x10v"
    rr = media.rtcp(201, 1, b"\x99\x99\x99\x99" + block(0, 103))
    nack = feedback(205, 1, 0, struct.pack(">HH", 100, 0x0007))
    nack_lost = feedback(205, 1, 1, struct.pack(">HH", 101, 0))
    pli = feedback(206, 1, 3, b"")
    fir = feedback(206, 4, 3, route_ssrc(3) + bytes([9, 0, 0, 0]))
    report = media.rtcp_packets()["compound_bye"]
    made = {
        "plain_to_all": stream(PLAIN) + wait(1),
        "payload_type_unmapped": stream(PLAIN, payload_type=98) + wait(1),
        "sdes_to_plain": stream(SDES) + wait(1),
        "webrtc_by_mid": stream(WEBRTC, extension=mid) + wait(1),
        "latches": stream(OTHER) + wait(1) + stream(PLAIN) + wait(1),
        "forged": packet(SDES, media.rtp_packet(payload=bytes(40)), AS_IT_IS) + stream(SDES) + wait(1),
        "replayed": stream(SDES) + stream(SDES) + wait(1),
        "out_of_order": stream(PLAIN, first=20) + stream(PLAIN, first=10) + wait(1),
        "wraps": stream(SDES, first=65534, count=2) + stream(SDES, first=0) + wait(1),
        "restarts": stream(PLAIN, first=7) + stream(PLAIN, first=40000) + wait(1),
        "padding": packet(PLAIN, media.rtp_packets()["padding"])
        + packet(PLAIN, media.rtp_packets()["padding_only"])
        + wait(1),
        "extensions": stream(PLAIN, extension=bytes([0x10, 1, 0x20, 2])) + wait(1),
        "nack_answered": stream(PLAIN)
        + wait(1)
        + packet(SDES, nack)
        + wait(1)
        + packet(SDES, nack)
        + wait(1),
        "nack_passed_up": stream(PLAIN, gap=(1,)) + wait(1) + packet(WEBRTC, nack_lost) + wait(1),
        "nack_translated": stream(SDES)
        + packet(PLAIN, feedback(205, 1, 3, bytes(4)), TO_RTCP_PORT)
        + wait(1),
        "pli": stream(SDES) + packet(PLAIN, pli, TO_RTCP_PORT) + wait(1),
        "fir": stream(SDES) + packet(PLAIN, fir, TO_RTCP_PORT) + wait(20) + packet(PLAIN, fir, TO_RTCP_PORT),
        "receiver_report": stream(PLAIN) + packet(SDES, rr) + wait(1) + packet(SDES, rr) + wait(20),
        "sender_report": stream(PLAIN) + packet(PLAIN, report, TO_RTCP_PORT) + wait(1),
        "sender_report_sdes": stream(SDES) + packet(SDES, report) + wait(1),
        "unmatched": stream(PLAIN) + packet(SDES, feedback(206, 1, 9, b"")) + wait(1),
        "switched": stream(PLAIN)
        + switch(0, 1)
        + stream(SDES)
        + wait(1)
        + switch(0, 0)
        + stream(PLAIN)
        + wait(1),
        "stun_and_dtls": packet(WEBRTC, control.stun(0x0001), AS_IT_IS)
        + packet(WEBRTC, control.record(22, control.handshake(1, bytes(40))), AS_IT_IS)
        + packet(PLAIN, control.stun(0x0001), AS_IT_IS),
        "no_payload": packet(PLAIN, b"", AS_IT_IS) + packet(WEBRTC, b"\xff", AS_IT_IS),
        "link": b"".join(frame(data) for data in link.frame_seeds().values()),
    }
    made |= {
        f"rtcp_{name}": stream(PLAIN, count=1)
        + packet(PLAIN, data, TO_RTCP_PORT)
        + packet(SDES, data)
        + wait(1)
        for name, data in media.rtcp_packets().items()
        if name in ("thirty_one_blocks", "two_chunks", "bye_with_reason", "app", "transport_cc", "remb")
    }
    return made
