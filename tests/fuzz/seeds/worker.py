"""The steps of fuzz_worker."""

import struct

from seeds import control, link, media

STEPS = FRAME, FROM_PEER, AS_IT_IS, TIME, SWITCH, TO_RTCP_PORT, UPDATE, TALK = range(8)
NEW_RECEIVE, NEW_SEND, ENCRYPTED, MUXED, MOVES, ELSEWHERE, FOUND, DEADLINE = (1 << bit for bit in range(8))
FIXED, ONCE, AUTHENTICATED = range(3)
PLAIN, SDES, WEBRTC, OTHER = range(4)
FIRST_ROUTE_SSRC = 0x51000000


def step(what, peer=0):
    """The byte of a step: the high four bits select the peer, the rest modulo 8 the kind."""
    return next(bytes([code]) for code in range(16 * peer, 16 * peer + 16) if code % len(STEPS) == what)


def packet(peer, data, what=FROM_PEER):
    return step(what, peer) + struct.pack(">H", len(data)) + data


def frame(data):
    return step(FRAME) + struct.pack(">H", len(data)) + data


def wait(hundredths):
    return step(TIME) + bytes([hundredths])


def switch(route, source):
    return step(SWITCH) + bytes([16 * source + route])


def talk(peer, how=0x27):
    """Packets that the flow cache may serve, if the length of the seed is odd."""
    return step(TALK, peer) + bytes([how])


def update(peer, what, latch=FIXED, profile=0):
    return step(UPDATE, peer) + bytes([what, 4 * profile + latch])


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


def update_seeds():
    nack = feedback(205, 1, 0, struct.pack(">HH", 100, 0x0007))
    pli = feedback(206, 1, 3, b"")
    report = media.rtcp_packets()["compound_bye"]
    new_keys = NEW_RECEIVE | NEW_SEND | ENCRYPTED
    return {
        "new_receive_key": stream(SDES, first=65534, count=2)
        + stream(SDES, first=0)
        + update(SDES, NEW_RECEIVE | ENCRYPTED | MUXED)
        + stream(SDES, first=4)
        + wait(1),
        "new_send_key": stream(PLAIN)
        + packet(SDES, nack)
        + update(SDES, NEW_SEND | ENCRYPTED | MUXED, profile=1)
        + packet(SDES, nack)
        + stream(PLAIN, first=11)
        + wait(1),
        "new_send_key_late": stream(PLAIN, first=7)
        + stream(PLAIN, first=30000)
        + stream(PLAIN, first=60000)
        + update(SDES, NEW_SEND | ENCRYPTED | MUXED)
        + stream(PLAIN, first=60010)
        + wait(1),
        "answered_plain": stream(SDES)
        + stream(PLAIN)
        + update(SDES, MUXED)
        + stream(SDES)
        + stream(PLAIN, first=11)
        + update(SDES, ENCRYPTED | MUXED)
        + stream(SDES)
        + stream(PLAIN, first=15)
        + wait(1),
        "plain_gets_keys": stream(PLAIN)
        + stream(SDES)
        + update(PLAIN, NEW_SEND | ENCRYPTED, AUTHENTICATED)
        + stream(SDES, first=11)
        + update(PLAIN, new_keys, AUTHENTICATED)
        + stream(SDES, first=15)
        + stream(PLAIN)
        + packet(PLAIN, pli, TO_RTCP_PORT)
        + wait(1),
        "new_send_key_after_the_wrap": update(PLAIN, new_keys, AUTHENTICATED)
        + stream(SDES, count=12)
        + wait(1)
        + update(PLAIN, NEW_SEND | ENCRYPTED, AUTHENTICATED)
        + stream(SDES, first=19)
        + wait(1),
        "rtcp_moves": stream(PLAIN)
        + packet(PLAIN, report, TO_RTCP_PORT)
        + update(PLAIN, MUXED | FOUND)
        + packet(PLAIN, report)
        + stream(SDES)
        + packet(PLAIN, pli)
        + wait(20)
        + update(PLAIN, MOVES | ELSEWHERE | FOUND, ONCE)
        + packet(PLAIN, pli, TO_RTCP_PORT)
        + wait(20),
        "moves_and_latches": stream(OTHER)
        + update(OTHER, MUXED | MOVES | ELSEWHERE | FOUND | DEADLINE, ONCE)
        + stream(OTHER, first=11)
        + stream(PLAIN)
        + wait(60)
        + stream(OTHER, first=15)
        + update(OTHER, MUXED | MOVES | FOUND, ONCE)
        + stream(OTHER, first=19)
        + wait(1),
    }


def flow_seeds():
    return {
        "sdes_flow": talk(SDES) * 4
        + wait(1)
        + talk(SDES)
        + stream(SDES)
        + talk(SDES) * 3
        + wait(1)
        + step(TALK),
        "webrtc_flow": talk(WEBRTC) * 4
        + update(SDES, NEW_SEND | ENCRYPTED | MUXED)
        + talk(WEBRTC) * 2
        + wait(1),
    }


def rtcp_seeds():
    return {
        f"rtcp_{name}": stream(PLAIN, count=1)
        + packet(PLAIN, data, TO_RTCP_PORT)
        + packet(SDES, data)
        + wait(1)
        for name, data in media.rtcp_packets().items()
        if name in ("thirty_one_blocks", "two_chunks", "bye_with_reason", "app", "transport_cc", "remb")
    }


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
        "sdes_flow": talk(SDES) * 4
        + wait(1)
        + talk(SDES)
        + stream(SDES)
        + talk(SDES) * 3
        + wait(1)
        + step(7),
        "webrtc_flow": talk(WEBRTC) * 4
        + update(SDES, NEW_SEND | ENCRYPTED | MUXED)
        + talk(WEBRTC) * 2
        + wait(1),
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
    made |= update_seeds() | flow_seeds() | rtcp_seeds()
    return made
