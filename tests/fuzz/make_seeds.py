#!/usr/bin/python3
"""Writes the seeds of the fuzz targets that are made by hand: valid examples of every message type.

    tests/fuzz/make_seeds.py [--into DIR]

Each goes to DIR/TARGET/NAME (default tests/fuzz/corpus). The corpus also holds inputs that fuzzing found; they have
libFuzzer's names (40 hexadecimal digits) and are left alone. Running it again changes nothing.
"""

import argparse
import json
import os
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = bytes([2, 0, 0, 0, 0, 1])
PEER = bytes([2, 0, 0, 0, 0, 0x99])
OUR_V4, PEER_V4 = bytes([198, 18, 0, 1]), bytes([198, 18, 0, 9])
OUR_V6 = bytes.fromhex("20010db8000000000000000000000001")
PEER_V6 = bytes.fromhex("20010db8000000000000000000000009")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


# ---- frames


def ethernet(ether_type, payload, to=OURS, vlan=None):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return to + PEER + tag + struct.pack(">H", ether_type) + payload


def ipv4(protocol, payload, options=b"", fragment=0):
    words = 5 + len(options) // 4
    total = 4 * words + len(payload)
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, total, 7, fragment, 64, protocol, 0) + PEER_V4 + OUR_V4 + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(next_header, payload, hop_limit=64, destination=OUR_V6, source=PEER_V6):
    return struct.pack(">IHBB", 6 << 28, len(payload), next_header, hop_limit) + source + destination + payload


def udp(payload, v6=False, with_sum=True):
    head = struct.pack(">HHHH", 5000, 20000, 8 + len(payload), 0)
    addresses = PEER_V6 + OUR_V6 if v6 else PEER_V4 + OUR_V4
    total = checksum(addresses + struct.pack(">HH", 17, len(head) + len(payload)) + head + payload) if with_sum else 0
    return head[:6] + struct.pack(">H", total) + payload


def frame_seeds():
    media = udp(rtp_packet())
    options = struct.pack(">BB", 17, 0) + b"\x01\x04\0\0\0\0"
    return {
        "udp4": ethernet(0x0800, ipv4(17, media)),
        "udp4_no_checksum": ethernet(0x0800, ipv4(17, udp(b"hello", with_sum=False))),
        "udp4_vlan": ethernet(0x0800, ipv4(17, media), vlan=0x2005),
        "udp4_options": ethernet(0x0800, ipv4(17, media, options=b"\x94\x04\0\0")),
        "udp4_padded": ethernet(0x0800, ipv4(17, udp(b"x"))).ljust(60, b"\0"),
        "udp4_empty": ethernet(0x0800, ipv4(17, udp(b""))),
        "udp4_fragment": ethernet(0x0800, ipv4(17, media, fragment=0x2000)),
        "icmp4": ethernet(0x0800, ipv4(1, echo(8))),
        "tcp4": ethernet(0x0800, ipv4(6, bytes(20))),
        "udp6": ethernet(0x86DD, ipv6(17, udp(b"hello", v6=True))),
        "udp6_vlan": ethernet(0x86DD, ipv6(17, udp(b"hello", v6=True)), vlan=1),
        "udp6_hop_by_hop": ethernet(0x86DD, ipv6(0, options + udp(b"hello", v6=True))),
        "udp6_destination_options": ethernet(0x86DD, ipv6(60, options + udp(b"hello", v6=True))),
        "fragment6": ethernet(0x86DD, ipv6(44, bytes(16))),
        "nd6": ethernet(0x86DD, ipv6(58, solicitation(), 255)),
        "arp": ethernet(0x0806, arp(1)),
        "other_type": ethernet(0x88CC, b"lldp"),
    }


# ---- neighbours: steps of fuzz_neighbors


def arp(operation, sender=PEER_V4, target=OUR_V4, target_mac=bytes(6)):
    return struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + PEER + sender + target_mac + target


def echo(kind):
    message = struct.pack(">BBHHH", kind, 0, 0, 1, 1) + b"0123456789abcdef"
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def solicitation(target=OUR_V6, option=b"\x01\x01" + PEER):
    return struct.pack(">BBHI", 135, 0, 0, 0) + target + option


def advertisement(flags=0x60, target=PEER_V6):
    return struct.pack(">BBHI", 136, 0, 0, flags << 24) + target + b"\x02\x01" + PEER


FRAME, TIME, RESOLVE, ANSWER = 0, 1, 2, 3
TO_US, MENDED, V6 = 16, 32, 8


def on_frame(frame, flags=MENDED):
    return struct.pack(">BH", FRAME | flags, len(frame)) + frame


def resolve(address):
    return bytes([RESOLVE | (V6 if len(address) == 16 else 0)]) + address


def answer(station):
    return bytes([ANSWER, station])


def time_passes(ms):
    return struct.pack(">BH", TIME, ms)


def neighbor_seeds():
    group = bytes.fromhex("3333ff000001")
    solicited = bytes.fromhex("ff0200000000000000000001ff000001")
    ask6 = ethernet(0x86DD, ipv6(58, solicitation(), 255, solicited), to=group)
    probe6 = ethernet(0x86DD, ipv6(58, solicitation(option=b""), 255, solicited, bytes(16)), to=group)
    tagged = lambda *steps: b"\x01" + b"".join(steps)
    plain = lambda *steps: b"\0" + b"".join(steps)
    return {
        "arp_request": plain(on_frame(ethernet(0x0806, arp(1), to=b"\xff" * 6))),
        "arp_probe": plain(on_frame(ethernet(0x0806, arp(1, sender=bytes(4)), to=b"\xff" * 6))),
        "arp_unasked_reply": plain(on_frame(ethernet(0x0806, arp(2, target_mac=OURS)))),
        "arp_conflict": plain(on_frame(ethernet(0x0806, arp(2, sender=OUR_V4, target_mac=OURS)))),
        "arp_tagged": tagged(on_frame(ethernet(0x0806, arp(1), vlan=5))),
        "nd_solicitation": plain(on_frame(ask6)),
        "nd_probe": plain(on_frame(probe6)),
        "nd_unasked": plain(on_frame(ethernet(0x86DD, ipv6(58, advertisement(), 255)))),
        "nd_tagged": tagged(on_frame(ethernet(0x86DD, ipv6(58, solicitation(), 255), vlan=5))),
        "echo4": plain(on_frame(ethernet(0x0800, ipv4(1, echo(8))))),
        "echo4_options": plain(on_frame(ethernet(0x0800, ipv4(1, echo(8), options=b"\x94\x04\0\0")))),
        "echo6": plain(on_frame(ethernet(0x86DD, ipv6(58, echo(128))))),
        "echo6_tagged": tagged(on_frame(ethernet(0x86DD, ipv6(58, echo(128)), vlan=5))),
        "echo4_reply": plain(on_frame(ethernet(0x0800, ipv4(1, echo(0))))),
        "udp_punted": plain(on_frame(ethernet(0x0800, ipv4(17, udp(b"x"))))),
        "resolve4": plain(resolve(PEER_V4), answer(0x42), resolve(PEER_V4)),
        "resolve6": plain(resolve(PEER_V6), answer(0x42), resolve(PEER_V6)),
        "resolve_gateway": plain(resolve(bytes([8, 8, 8, 8])), answer(1), resolve(bytes([8, 8, 8, 8]))),
        "resolve_nothing": plain(resolve(bytes([198, 18, 0, 255])), resolve(OUR_V4), resolve(bytes(4))),
        "asked_in_vain": plain(resolve(PEER_V4), *[time_passes(1001)] * 6, resolve(PEER_V4)),
        "thief": plain(resolve(PEER_V4), answer(0x42), time_passes(2000), on_frame(ethernet(0x0806, arp(1))),
                       time_passes(1001), time_passes(1001), time_passes(1001), answer(0x66), resolve(PEER_V4)),
        "kept_up": plain(resolve(PEER_V4), answer(0x42), time_passes(30001), answer(0x42), time_passes(30001)),
    }


# ---- RTP and RTCP


def rtp_packet(profile=None, extension=b"", csrcs=0, padding=0, payload=b"payload", sequence=7, payload_type=96):
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


# ---- STUN and ICE

RFC5769 = {
    "rfc5769_request": "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004"
    "e57a3bcf",
    "rfc5769_response4": "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112"
    "a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
    "rfc5769_response6": "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113"
    "a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
    "rfc5769_long_term": "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000001500"
    "1c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014f67024656dd64a3e"
    "02b8e0712e85c9a28ca89666",
}


def attribute(kind, value=b""):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun(kind, *attributes):
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + b"transaction." + body


def stun_seeds():
    username = attribute(0x0006, b"ours:theirs")
    seeds = {name: bytes.fromhex(text) for name, text in RFC5769.items()}
    seeds |= {
        "empty_request": stun(0x0001),
        "indication": stun(0x0011, attribute(0x8028, bytes(4))),
        "error": stun(0x0111, attribute(0x0009, b"\0\0\x04\x01Unauthenticated")),
        "error_unknown": stun(0x0111, attribute(0x0009, b"\0\0\x04\x14"), attribute(0x000A, b"\x7f\xff\x7f\xfe")),
        "nominate": stun(0x0001, username, attribute(0x0024, bytes(4)), attribute(0x0025), attribute(0x802A, bytes(8))),
        "behind_integrity": stun(0x0001, attribute(0x0008, bytes(20)), attribute(0x0025), attribute(0x8028, bytes(4))),
        "unknown_required": stun(0x0001, username, *(attribute(0x7F00 + i) for i in range(9))),
        "many_attributes": stun(0x0001, *(attribute(0x8000 + i, b"x") for i in range(32))),
        "too_many_attributes": stun(0x0001, *(attribute(0x8000 + i, b"x") for i in range(33))),
        "other_method": stun(0x3EEF, username),
        "mapped_addresses": stun(0x0101, attribute(0x0001, b"\0\1\0\1\1\2\3\4"), attribute(0x0020, b"\0\1\0\1\1\2\3\4")),
        "wrong_lengths": stun(0x0001, attribute(0x0024, b"abc"), attribute(0x0020, b"\0\2\0\1"), attribute(0x802A)),
        "sha256_integrity": stun(0x0001, username, attribute(0x001C, bytes(32))),
    }
    return seeds


RAW, CHECK, FORGED, WAIT, RESTART, REMOTE, EXPIRE = range(7)
USE_CANDIDATE, CONTROLLING, CONTROLLED = b"\0", b"\x01\x09", b"\x02\x09"
PRIORITY = b"\x03\x6e\0\x01\xff"


def check(*attributes, kind=CHECK, shape=0, source=1):
    return bytes([kind, shape, len(attributes)]) + b"".join(attributes) + bytes([source])


def ice_seeds():
    good = check(PRIORITY, CONTROLLING)
    other = lambda number, value: b"\x04" + struct.pack(">HB", number, len(value)) + value
    raw = bytes.fromhex(RFC5769["rfc5769_request"])
    wait = lambda ms: struct.pack(">BH", WAIT, ms // 10)
    return {
        "check": good,
        "nominate": check(PRIORITY, CONTROLLING, USE_CANDIDATE),
        "nominate_again": check(CONTROLLING, USE_CANDIDATE) + check(CONTROLLING, USE_CANDIDATE, source=2),
        "role_conflict": check(PRIORITY, CONTROLLED),
        "both_roles": check(CONTROLLED, CONTROLLING),
        "forged": check(PRIORITY, CONTROLLING, kind=FORGED),
        "no_username": check(CONTROLLING, shape=8),
        "no_integrity": check(CONTROLLING, shape=16),
        "no_fingerprint": check(CONTROLLING, shape=32),
        "indication": check(shape=2),
        "unknown_required": check(CONTROLLING, other(0x7F01, b"?")),
        "raw_rfc5769": struct.pack(">BH", RAW, len(raw)) + raw + b"\1",
        "restart": good + bytes([RESTART]) + check(CONTROLLING, shape=1) + check(CONTROLLING, source=3),
        "restart_twice": bytes([RESTART]) + good + bytes([RESTART, RESTART]) + check(shape=1) + good,
        "wrong_remote_ufrag": bytes([REMOTE, 1]) + check(CONTROLLING) + check(CONTROLLING, shape=64),
        "late_remote_ufrag": good + bytes([REMOTE, 2]),
        "consent_runs_out": check(CONTROLLING, USE_CANDIDATE) + wait(30010) + bytes([EXPIRE]) + good + bytes([EXPIRE]),
        "many_pairs": b"".join(check(CONTROLLING, source=i) + wait(100) for i in range(20)),
        "ipv6": check(CONTROLLING, source=33),
    }


# ---- DTLS


def record(kind, payload, epoch=0, sequence=0, version=0xFEFD):
    return struct.pack(">BHHHIH", kind, version, epoch, sequence >> 32, sequence & 0xFFFFFFFF, len(payload)) + payload


def handshake(kind, body, offset=0, length=None, sequence=0):
    length = len(body) if length is None else length
    three = lambda number: number.to_bytes(3, "big")
    return bytes([kind]) + three(length) + struct.pack(">H", sequence) + three(offset) + three(len(body)) + body


def dtls_record_seeds():
    passive, active = b"\0", b"\1"
    hello = b"\xfe\xfd" + bytes(32) + b"\0\0" + b"\0\2\xc0\x2b" + b"\1\0"
    sealed = bytes(8) + bytes(24)
    return {
        "client_hello": passive + record(22, handshake(1, hello)),
        "client_hello_dtls10": passive + record(22, handshake(1, hello), version=0xFEFF),
        "client_hello_fragment": passive + record(22, handshake(1, hello[:20], length=len(hello))),
        "client_hello_wrong_way": active + record(22, handshake(1, hello)),
        "server_flight": active + record(22, handshake(2, hello)) + record(22, handshake(11, bytes(300), sequence=1))
        + record(22, handshake(12, bytes(100), sequence=2) + handshake(13, bytes(8), sequence=3) + handshake(14, b"", sequence=4)),
        "hello_verify": active + record(22, handshake(3, b"\xfe\xff\x04cook")),
        "client_flight": passive + record(22, handshake(11, bytes(300))) + record(22, handshake(16, bytes(66)))
        + record(22, handshake(15, bytes(75))) + record(20, b"\1") + record(22, sealed, epoch=1),
        "plain_finished": passive + record(22, handshake(20, bytes(12))),
        "alert": passive + record(21, b"\2\x28"),
        "bad_alert": passive + record(21, b"\3\x28"),
        "sealed_alert": active + record(21, sealed, epoch=1, sequence=0x010203040506),
        "application_data": passive + record(23, b"data") + record(23, sealed, epoch=1),
        "ccs_and_rest": active + record(20, b"\1") + b"rest",
        "unknown_type": passive + record(22, handshake(1, hello)) + record(25, b"?") + record(20, b"\1"),
        "empty_records": passive + record(22, b"") + record(22, b"", epoch=1) + record(21, b""),
    }


(EXCHANGE, TO_US_ONE, TO_PEER, TWICE, FINGERPRINTS, PASS, LOSE, FLIP, CUT, MADE_UP, PEER_ENDS, WE_END, WE_FAIL) = range(13)


def dtls_transport_seeds():
    made_up = lambda data: struct.pack(">BH", MADE_UP, len(data)) + data
    flip = lambda at: struct.pack(">BHB", FLIP, at, 1)
    seeds = {}
    for role, name in ((0, "passive"), (1, "active")):
        first = bytes([role | 2])
        seeds |= {
            f"{name}_known": first + bytes([EXCHANGE, PEER_ENDS, EXCHANGE]),
            f"{name}_late": bytes([role, EXCHANGE, FINGERPRINTS, EXCHANGE]),
            f"{name}_small_mtu": bytes([role | 2 | 4, EXCHANGE]),
            f"{name}_small_mtu_late": bytes([role | 4, EXCHANGE, EXCHANGE, FINGERPRINTS]),
            f"{name}_wrong_fingerprint": bytes([role | 2 | 8, EXCHANGE]),
            f"{name}_we_end": first + bytes([EXCHANGE, WE_END, EXCHANGE]),
            f"{name}_we_fail": first + bytes([EXCHANGE, WE_FAIL, EXCHANGE]),
            f"{name}_fail_early": first + bytes([TO_US_ONE, TO_PEER, WE_FAIL, EXCHANGE]),
            f"{name}_twice": first + bytes([TWICE, TO_PEER, TWICE, TO_PEER, TWICE, EXCHANGE]),
            f"{name}_timeout": first + bytes([TO_US_ONE, PASS, 0xFF, 0xFF, EXCHANGE]),
            f"{name}_lost": first + bytes([TO_PEER, LOSE, EXCHANGE]),
            f"{name}_flipped": first + bytes([TO_PEER]) + flip(30) + bytes([EXCHANGE]),
            f"{name}_cut": first + bytes([TO_PEER, CUT, 0, 40, EXCHANGE]),
            f"{name}_alert": first + bytes([TO_PEER]) + made_up(record(21, b"\2\x28")) + bytes([EXCHANGE]),
            f"{name}_noise": first + bytes([EXCHANGE]) + made_up(record(23, bytes(40), epoch=1, sequence=9)),
            f"{name}_made_up_flight": first + made_up(dtls_record_seeds()["server_flight" if role else "client_flight"][1:]),
        }
    return seeds


def fingerprint_seeds():
    pairs = lambda count: ":".join(f"{i:02X}" for i in range(count))
    return {
        "sha256": f"sha-256 {pairs(32)}",
        "sha256_lower": f"SHA-256 {pairs(32).lower()}",
        "sha384": f"sha-384 {pairs(48)}",
        "sha512": f"sha-512 {pairs(64)}",
        "sha1": f"sha-1 {pairs(20)}",
        "short": f"sha-256 {pairs(31)}",
        "no_colons": "sha-256 " + pairs(32).replace(":", ""),
        "not_hex": f"sha-256 {pairs(31)}:XY",
        "trailing_colon": f"sha-256 {pairs(32)}:",
        "no_value": "sha-256 ",
        "nothing": " ",
    }


# ---- texts


def request_seeds():
    key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    print_of = {"algorithm": "sha-256", "value": ":".join(["ab"] * 32)}
    ice = {"ufrag": "abcd", "password": "p" * 22}
    selector = {"endpoint": "a", "payloadTypes": [96, 97]}
    requests = {
        "version": ("version", None),
        "session_create": ("session.create", {"id": "call-1"}),
        "session_list": ("session.list", {}),
        "session_get": ("session.get", {"id": "call-1"}),
        "session_remove": ("session.remove", {"id": "call-1"}),
        "endpoint_create_rtp": ("endpoint.create", {"session": "s", "id": "a", "kind": "rtp", "family": "ipv4",
                                "remote": {"address": "198.18.0.2", "rtpPort": 5000, "rtcpPort": 5001}, "latch": "once",
                                "latchNetwork": "198.18.0.0/15", "rtcpMux": False, "midExtensionId": 14, "dscp": 46}),
        "endpoint_create_sdes": ("endpoint.create", {"session": "s", "kind": "sdes", "profile": "AES_CM_128_HMAC_SHA1_80",
                                 "receiveKey": key, "sendKey": key, "latch": "authenticated", "port": "port0"}),
        "endpoint_create_webrtc": ("endpoint.create", {"session": "s", "kind": "webrtc", "transport": "shared",
                                   "dtls": {"setup": "active", "fingerprints": [print_of]}, "ice": ice}),
        "endpoint_connect": ("endpoint.connect", {"session": "s", "id": "a", "dtls": {"fingerprints": [print_of]}, "ice": ice,
                             "remote": {"address": "2001:db8::2", "rtpPort": 1}}),
        "endpoint_list": ("endpoint.list", {"session": "s"}),
        "endpoint_get": ("endpoint.get", {"session": "s", "id": "a"}),
        "endpoint_remove": ("endpoint.remove", {"session": "s", "id": "a"}),
        "route_create": ("route.create", {"session": "s", "id": "r", "from": selector, "to": "b", "ssrc": 4294967295,
                         "clockRate": 90000, "payloadTypes": [{"from": 0, "to": 127}], "retransmit": False,
                         "headerExtensions": [{"from": 1, "to": 14}], "keyframeOnSwitch": True}),
        "route_create_plain": ("route.create", {"session": "s", "from": {"endpoint": "a"}, "to": "b", "clockRate": 1,
                               "headerExtensions": []}),
        "route_switch": ("route.switch", {"session": "s", "id": "r", "from": {"endpoint": "a", "mid": "audio"}}),
        "route_switch_ssrc": ("route.switch", {"session": "s", "id": "r", "from": {"endpoint": "a", "ssrc": 0}}),
        "route_list": ("route.list", {"session": ""}),
        "route_get": ("route.get", {"session": "s", "id": "r"}),
        "route_remove": ("route.remove", {"session": "s", "id": "r"}),
        "stream_list": ("stream.list", {"session": "s", "endpoint": "a"}),
        "port_list": ("port.list", {}),
        "worker_list": ("worker.list", {}),
        "drop_list": ("drop.list", {"worker": 0}),
        "event_subscribe": ("event.subscribe", {}),
        "shutdown": ("shutdown", {}),
    }
    seeds = {}
    for name, (method, params) in requests.items():
        request = {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params})
        seeds[name] = b"\x1f" + json.dumps(request, separators=(",", ":")).encode() + b"\n"
    seeds |= {
        "several_lines": b"\x03" + b'{"method":"version"}\n\n \r\n[1,2]\n"text"\nnull\n{"half":',
        "not_json": b"\x00{]\n{\"a\":1,\"a\":2}\n\xff\n1e999\n" + b"[" * 70 + b"\n",
        "unknown": b"\x10" + b'{"method":"sesion.creat","params":{"id":"x","colour":"\\u0007"}}\n',
        "unknown_parameter": b"\x10" + b'{"method":"version","params":{"bell\\u0007\\u0085\\n":1}}\n',
        "unknown_parameter_long": b"\xff" + b'{"method":"version","params":{"' + b"n" * 2000 + b'":1}}\n',
        "wrong_types": b"\x40" + b'{"method":"route.create","params":{"session":1,"from":[],"clockRate":1.5}}\n',
        "numbers": b"\x40" + b'{"params":{"worker":-1,"ssrc":18446744073709551615,"clockRate":1e300,"dscp":-0}}\n',
        "escapes": b"\x40" + b'{"params":{"id":"\\ud83d\\ude00\\n\\u0000","session":"\xc3\xa9"}}\n',
    }
    return seeds


def config_seeds():
    with open(os.path.join(ROOT, "sluice.example.toml"), "rb") as file:
        example = b"".join(line for line in file if not line.startswith(b"#") or b" = " in line)
    port = b'[[ports]]\ndevice = "net_tap0,iface=sluice0"\naddresses = ["198.18.0.1/24"]\n'
    seeds = {
        "example": example,
        "shortest": port,
        "inline": b'ports = [{device = "01:00.0", addresses = ["192.0.2.1/24", "2001:db8::1/64"], gateway6 = "fe80::1"}]\n',
        "ring": b'[[ports]]\nname = "r"\ndevice = "ring:name,size=1024,mac=02:00:00:00:00:01"\naddresses = ["10.0.0.1/8"]\n',
        "two_ports": port + port.replace(b"tap0", b"tap1").replace(b"0.1/", b"0.2/"),
        "same_twice": port + port,
        "workers": port + b'[workers]\ncontrol_core = 0\ncores = [0, 1, 2]\nidle = "pause"\nidle_sleep_us = 5\n',
        "bad_workers": port + b'[workers]\ncores = [1, 1, 99, "x"]\nidle = "nap"\n',
        "memory": port + b'[memory]\nhuge_pages = "never"\nsize_mib = 128\nmbufs_per_worker = 4194304\n',
        "crypto": port + b'[crypto]\nengine = "libsrtp"\nprofiles = ["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_32"]\n',
        "dtls": port + b'[dtls]\ncertificate = "/etc/c.pem"\nprivate_key = "/etc/k.pem"\nmtu = 576\n',
        "dtls_half": port + b'[dtls]\ncertificate = "/etc/c.pem"\n',
        "media": port + b"[media]\nport_min = 3000\nport_max = 4000\n[ice]\nshared_port = 3478\n",
        "media_backwards": port + b"[media]\nport_min = 5000\nport_max = 4000\nlatch_window_ms = 60001\n",
        "limits": port + b"[limits]\nsessions = 1\nroutes_per_endpoint = 1\nidle_timeout_s = 0\n",
        "api": port + b'[api]\nsocket = "/run/s"\nmode = "0660"\nline_bytes = 4096\n[log]\nlevel = "debug"\nfile = "/l"\n',
        "bad_gateway": port + b'gateway = "198.18.1.1"\ngateway6 = "::1"\nvlan = 4095\nmtu = 1501\n',
        "misspelt": port + b"adresses = []\n[worker]\ncores = []\n[limit.s]\nx = 1\n",
        "syntax": b"[[ports]\n",
        "kinds": b'ports = 1\nlog = 1979-05-27T07:32:00Z\napi = [1.5, true, inf]\n"quo\\u0007ted" = """multi\nline"""\n',
        "dotted": b"a.b.c.d.e.f.g.h = 1\n[ports.x]\n",
        "accented": "clé = 1\n".encode(),
        "quoted_path": port + b"[dtls]\ncertificate = 'a\"b'\nprivate_key = 'a\\b'\n",
        "quoted_device": b"[[ports]]\ndevice = 'net_pcap0,iface=a\"b\\c'\naddresses = [\"192.0.2.1/24\"]\n",
    }
    return seeds


def base64_seeds():
    texts = ["", "AA==", "AAA=", "AAAA", "AB==", "+/+/", "////", "Zm9vYmFy", "Zm9v YmFy", "=", "====", "A===", "Zg==Zg=="]
    texts.append("WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
    return {f"text_{i}": text for i, text in enumerate(texts)}


def ip_address_seeds():
    texts = ["198.18.0.1", "198.18.0.1/15", "0.0.0.0/0", "255.255.255.255/32", "198.18.0.1/33", "198.18.0.01", "2001:db8::1",
             "2001:db8::1/64", "::/0", "::ffff:1.2.3.4", "::1.2.3.4", "fe80::1/10", "ff02::1/128", "1:2:3:4:5:6:7:8/129", "1.2.3",
             "2001:db8::1%eth0", "10.0.0.1/7", "2001:db8::/29"]
    return {f"text_{i}": text for i, text in enumerate(texts)}


def ring_device_seeds():
    texts = ["ring:a", "ring:name-15-bytes-", "ring:a,size=64", "ring:a,size=65536", "ring:a,size=100", "ring:a,mac=02:00:00:00:00:01",
             "ring:b,mac=02:aa:BB:cc:DD:ee,size=128", "ring:a,mac=01:00:00:00:00:01", "ring:", "ring:a,", "ring:a,size=64,size=128",
             "ring:UPPER", "net_tap0", "ring:a,mtu=9"]
    return {f"text_{i}": text for i, text in enumerate(texts)}


SEEDS = {
    "base64": base64_seeds,
    "config": config_seeds,
    "dtls_fingerprint": fingerprint_seeds,
    "dtls_record": dtls_record_seeds,
    "dtls_transport": dtls_transport_seeds,
    "frame": frame_seeds,
    "ice": ice_seeds,
    "ip_address": ip_address_seeds,
    "neighbors": neighbor_seeds,
    "request": request_seeds,
    "ring_device": ring_device_seeds,
    "rtcp": rtcp_packets,
    "rtp": rtp_seeds,
    "srtp": srtp_seeds,
    "stun": stun_seeds,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", default=os.path.join(ROOT, "tests/fuzz/corpus"), help="folder of the corpora")
    into = parser.parse_args().into
    for target, seeds in SEEDS.items():
        os.makedirs(os.path.join(into, target), exist_ok=True)
        for name, data in seeds().items():
            with open(os.path.join(into, target, name), "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
