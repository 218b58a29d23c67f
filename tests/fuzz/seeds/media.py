"""RTP, RTCP and SRTP packets."""

import struct


def rtp_packet(
    profile=None, extension=b"", csrcs=0, padding=0, payload=b"payload", sequence=7, payload_type=96
):
    first = 0x80 | (0x20 if padding else 0) | (0x10 if profile is not None else 0) | csrcs
    head = struct.pack(">BBHII", first, payload_type, sequence, 1000, 0x11223344) + b"CSRC" * csrcs
    if profile is not None:
        head += struct.pack(">HH", profile, len(extension) // 4) + extension
    return head + payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def rtp_packets():
    one = bytes([0x10, 0x61, 0x22, 1, 2, 3, 0, 0, 0xE0, 9, 0, 0])
    two = bytes([1, 0, 2, 3, 1, 2, 3, 0, 0xFF, 1, 9, 0])
    return {
        "plain": rtp_packet(),
        "no_payload": rtp_packet(payload=b""),
        "csrcs": rtp_packet(csrcs=15),
        "padding": rtp_packet(padding=4),
        "padding_only": rtp_packet(padding=3, payload=b""),
        "one_byte": rtp_packet(0xBEDE, one),
        "one_byte_id_15": rtp_packet(0xBEDE, bytes([0x10, 1, 0xF0, 2, 0x20, 3, 0, 0])),
        "one_byte_too_long": rtp_packet(0xBEDE, bytes([0x10, 1, 0x2F, 2])),
        "two_byte": rtp_packet(0x1000, two),
        "two_byte_app_bits": rtp_packet(0x100F, two),
        "unknown_profile": rtp_packet(0x1234, one),
        "empty_extension": rtp_packet(0xBEDE, b""),
        "all": rtp_packet(0xBEDE, one, csrcs=2, padding=2, payload_type=0xE0),
    }


def rtp_seeds():
    mappings = {"same": "123456789abcde", "away": "00000000000000", "other": "21006543e00001"}
    seeds = {}
    for name, packet in rtp_packets().items():
        kind = "same" if name == "plain" else "away" if name == "two_byte_app_bits" else "other"
        seeds[name] = bytes.fromhex(mappings[kind]) + packet
    return seeds


def rtcp(kind, count, body, padding=0):
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    words = (len(body) + len(tail)) // 4
    return struct.pack(">BBH", 0x80 | (0x20 if padding else 0) | count, kind, words) + body + tail


def rtcp_packets():
    ssrc, media = b"\x11\x22\x33\x44", b"\x55\x66\x77\x88"
    block = media + bytes([3, 0, 0, 5]) + bytes(16)
    report = rtcp(201, 1, ssrc + block)
    sdes = rtcp(202, 1, ssrc + b"\x01\x05alice" + b"\0")
    return {
        "sender_report": rtcp(200, 1, ssrc + bytes(range(20)) + block),
        "receiver_report": report,
        "empty_receiver_report": rtcp(201, 0, ssrc),
        "thirty_one_blocks": rtcp(201, 31, ssrc + block * 31),
        "cname": sdes,
        "two_chunks": rtcp(202, 2, ssrc + b"\x02\x03bob\x01\x01a\0\0\0" + media + b"\x01\x00" + b"\0\0"),
        "bye": rtcp(203, 1, ssrc),
        "bye_with_reason": rtcp(203, 2, ssrc + media + b"\x03end"),
        "app": rtcp(204, 3, ssrc + b"name"),
        "nack": rtcp(205, 1, ssrc + media + struct.pack(">HHHH", 100, 0x8001, 200, 0)),
        "transport_cc": rtcp(205, 15, ssrc + media + bytes(12)),
        "pli": rtcp(206, 1, ssrc + media),
        "fir": rtcp(206, 4, ssrc + bytes(4) + media + bytes([9, 0, 0, 0])),
        "remb": rtcp(206, 15, ssrc + bytes(4) + b"REMB" + bytes([1, 0, 1, 2]) + media),
        "extended_report": rtcp(207, 0, ssrc + bytes([4, 0, 0, 2]) + bytes(8)),
        "compound": report + sdes + rtcp(205, 1, ssrc + media + struct.pack(">HH", 1, 0)),
        "compound_bye": rtcp(200, 0, ssrc + bytes(20)) + sdes + rtcp(203, 1, ssrc),
        "padded": report + rtcp(206, 1, ssrc + media, padding=4),
    }


def srtp_seeds():
    ours, is_rtcp, batch = 4, 8, 16
    seeds = {}
    for profile in range(4):
        for what, name in ((0, "stranger"), (ours, "ours"), (batch, "strangers"), (ours | batch, "batch")):
            packet = rtp_packets()["all" if profile % 2 else "one_byte"] + bytes(range(200))
            seeds[f"rtp_{name}_{profile}"] = bytes([profile | what]) + packet
        for what, name in ((0, "stranger"), (ours, "ours")):
            packet = rtcp_packets()["compound"] + (b"" if what else b"\x80\0\0\1" + bytes(10))
            seeds[f"rtcp_{name}_{profile}"] = bytes([profile | what | is_rtcp]) + packet
    seeds["rtcp_clear"] = bytes([is_rtcp | 2]) + rtcp_packets()["pli"] + b"\0\0\0\1" + bytes(10)
    seeds["rtcp_clear_aead"] = bytes([is_rtcp]) + rtcp_packets()["pli"] + bytes(16) + b"\0\0\0\1"
    seeds["long"] = bytes([ours | batch | 2]) + rtp_packet(payload=bytes(1400))
    seeds["long_gcm"] = bytes([ours | batch]) + rtp_packet(payload=bytes(1400))
    return seeds
