"""Ethernet frames, and the steps of fuzz_neighbors."""

import struct

from seeds.media import rtp_packet

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
    head = (
        struct.pack(">BBHHHBBH", 0x40 | words, 0, total, 7, fragment, 64, protocol, 0)
        + PEER_V4
        + OUR_V4
        + options
    )
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(next_header, payload, hop_limit=64, destination=OUR_V6, source=PEER_V6):
    return (
        struct.pack(">IHBB", 6 << 28, len(payload), next_header, hop_limit) + source + destination + payload
    )


def udp(payload, v6=False, with_sum=True):
    head = struct.pack(">HHHH", 5000, 20000, 8 + len(payload), 0)
    addresses = PEER_V6 + OUR_V6 if v6 else PEER_V4 + OUR_V4
    total = (
        checksum(addresses + struct.pack(">HH", 17, len(head) + len(payload)) + head + payload)
        if with_sum
        else 0
    )
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


def too_big4(mtu, fragment=0x4000):
    quoted = struct.pack(">BBHHHBBH", 0x45, 0, 1228, 0, fragment, 63, 17, 0) + OUR_V4 + PEER_V4
    message = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + quoted + struct.pack(">HHHH", 20000, 5000, 1208, 0)
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def too_big6(mtu):
    quoted = struct.pack(">IHBB", 6 << 28, 1208, 17, 63) + OUR_V6 + PEER_V6
    return struct.pack(">BBHI", 2, 0, 0, mtu) + quoted + struct.pack(">HHHH", 20000, 5000, 1208, 0)


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
        "too_big4": plain(on_frame(ethernet(0x0800, ipv4(1, too_big4(1400))))),
        "too_big4_no_mtu": plain(on_frame(ethernet(0x0800, ipv4(1, too_big4(0))))),
        "too_big4_fragment": plain(on_frame(ethernet(0x0800, ipv4(1, too_big4(1400, fragment=0x2000))))),
        "too_big6": plain(on_frame(ethernet(0x86DD, ipv6(58, too_big6(1280))))),
        "too_big6_low": plain(on_frame(ethernet(0x86DD, ipv6(58, too_big6(1279))))),
        "udp_punted": plain(on_frame(ethernet(0x0800, ipv4(17, udp(b"x"))))),
        "resolve4": plain(resolve(PEER_V4), answer(0x42), resolve(PEER_V4)),
        "resolve6": plain(resolve(PEER_V6), answer(0x42), resolve(PEER_V6)),
        "resolve_gateway": plain(resolve(bytes([8, 8, 8, 8])), answer(1), resolve(bytes([8, 8, 8, 8]))),
        "resolve_nothing": plain(resolve(bytes([198, 18, 0, 255])), resolve(OUR_V4), resolve(bytes(4))),
        "asked_in_vain": plain(resolve(PEER_V4), *[time_passes(1001)] * 6, resolve(PEER_V4)),
        "thief": plain(
            resolve(PEER_V4),
            answer(0x42),
            time_passes(2000),
            on_frame(ethernet(0x0806, arp(1))),
            time_passes(1001),
            time_passes(1001),
            time_passes(1001),
            answer(0x66),
            resolve(PEER_V4),
        ),
        "kept_up": plain(
            resolve(PEER_V4), answer(0x42), time_passes(30001), answer(0x42), time_passes(30001)
        ),
    }
