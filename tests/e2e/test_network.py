"""The port as a host on its link: ARP, neighbour discovery, ICMP echo, and truncated frames."""

import socket
import struct
import subprocess
import sys

from harness import case, equal, eventually, main

from lab import raw
from lab.netns import PEER_DEVICE, inside
from lab.rpc import RpcError


def _ping(lab, namespace, address, *options):
    return subprocess.run(
        ["ip", "netns", "exec", namespace, "ping", "-c", "3", "-i", "0.2", "-W", "2", *options, address],
        capture_output=True,
        text=True,
    )


@case
def echo_ipv4(lab):
    namespace, _ = lab.room("net")._address("host", "ipv4")
    done = _ping(lab, namespace, "198.18.0.1")
    assert done.returncode == 0 and " 0% packet loss" in done.stdout, done.stdout + done.stderr


@case
def echo_ipv6(lab):
    namespace, _ = lab.room("net")._address("host", "ipv6")
    done = _ping(lab, namespace, "2001:db8::1", "-6")
    assert done.returncode == 0 and " 0% packet loss" in done.stdout, done.stdout + done.stderr


@case
def echo_large_and_small(lab):
    namespace, _ = lab.room("net")._address("host", "ipv4")
    for size in (0, 1, 1472):
        done = _ping(lab, namespace, "198.18.0.1", "-s", str(size), "-M", "do")
        assert done.returncode == 0, f"{size} bytes: {done.stdout}{done.stderr}"
    done = _ping(lab, namespace, "2001:db8::1", "-6", "-s", "1452")
    assert done.returncode == 0, done.stdout + done.stderr


@case
def only_its_own_addresses_are_answered(lab):
    namespace, _ = lab.room("net")._address("host", "ipv4")
    equal(
        _ping(lab, namespace, "198.18.99.99", "-c", "1", "-W", "1").returncode,
        1,
        "ping of an unused IPv4 address",
    )
    equal(
        _ping(lab, namespace, "2001:db8::99", "-6", "-c", "1", "-W", "1").returncode,
        1,
        "ping of an unused IPv6 address",
    )


@case
def link_local_is_answered(lab):
    namespace, _ = lab.room("net")._address("host", "ipv6")
    port = lab.rpc.call("port.list")["ports"][0]
    local = next((address for address in port["addresses"] if address.startswith("fe80")), None)
    assert local, f"no link-local address among {port['addresses']}"
    done = _ping(lab, namespace, f"{local.split('/')[0]}%{PEER_DEVICE}", "-6")
    assert done.returncode == 0, done.stdout + done.stderr


class Wire:
    """A packet socket that sends whole frames from a peer's device."""

    def __init__(self, lab, namespace):
        self.socket = inside(namespace, socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.bind((PEER_DEVICE, 0))
        self.own = self.socket.getsockname()[4]
        mac = lab.rpc.call("port.list")["ports"][0]["mac"]
        self.sluice = bytes.fromhex(mac.replace(":", ""))

    def send(self, frame):
        self.socket.send(frame)

    def ethernet(self, ether_type, body):
        return self.sluice + self.own + struct.pack("!H", ether_type) + body


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ipv4(source, target, payload, protocol=17, total=None, fragment=0):
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        total or 20 + len(payload),
        1,
        fragment,
        64,
        protocol,
        0,
        socket.inet_aton(source),
        socket.inet_aton(target),
    )
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + payload


def _ipv6(source, target, payload, protocol=17):
    return (
        struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
        + socket.inet_pton(socket.AF_INET6, source)
        + socket.inet_pton(socket.AF_INET6, target)
        + payload
    )


def _udp(source, target, payload, length=None):
    return struct.pack("!HHHH", source, target, length or 8 + len(payload), 0) + payload


@case
def truncated_frames_at_each_length(lab):
    """Sends a good frame of each kind, cut at each length and with wrong length fields. Every frame is
    counted."""
    room = lab.room("net")
    namespace, address = room._address("host", "ipv4")
    endpoint = lab.rpc.call(
        "endpoint.create",
        session="net",
        id="victim",
        kind="rtp",
        rtcpMux=True,
        remote={"address": address, "rtpPort": 5004},
    )
    port = endpoint["local"]["rtpPort"]
    wire = Wire(lab, namespace)
    packet = raw.rtp(77, 1, 1, 96)
    whole = [
        wire.ethernet(0x0800, _ipv4(address, "198.18.0.1", _udp(5004, port, packet))),
        wire.ethernet(0x86DD, _ipv6("2001:db8::10", "2001:db8::1", _udp(5004, port, packet))),
        wire.ethernet(
            0x0806,
            struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
            + wire.own
            + socket.inet_aton(address)
            + bytes(6)
            + socket.inet_aton("198.18.0.1"),
        ),
        wire.ethernet(
            0x0800, _ipv4(address, "198.18.0.1", struct.pack("!BBHHH", 8, 0, 0xF7FD, 1, 1), protocol=1)
        ),
    ]
    before = lab.rpc.call("worker.list")["workers"][0]
    sent = 0
    for frame in whole:
        for length in range(14, len(frame)):
            wire.send(frame[:length])
            sent += 1
    for lie in (
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet), total=1400),
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet), total=19),
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet, length=1400)),
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet, length=7)),
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet), fragment=0x2000),
        _ipv4(address, "198.18.0.1", _udp(5004, port, packet), fragment=0x0010),
    ):
        wire.send(wire.ethernet(0x0800, lie))
        sent += 1
    eventually(
        lambda: lab.rpc.call("worker.list")["workers"][0]["received"] - before["received"] >= sent,
        5,
        f"{sent} frames received",
    )
    eventually(
        lambda: all(lab.drops()[reason] > 0 for reason in ("bad_ip", "bad_udp", "ip_fragment")),
        3,
        "drops as bad_ip, bad_udp and ip_fragment",
    )
    lab.ledger_balances()
    equal(_ping(lab, namespace, "198.18.0.1").returncode, 0, "ping after it")
    lab.rpc.call("session.remove", id="net", timeout_s=10)


@case
def latch_is_once_and_from_the_network_asked_for(lab):
    room = lab.room("latch")
    near, near_address = room._address("near", "ipv4")
    far, far_address = room._address("far", "ipv4")
    endpoint = lab.rpc.call(
        "endpoint.create",
        session="latch",
        id="late",
        kind="rtp",
        rtcpMux=True,
        latchNetwork=f"{near_address}/32",
    )
    local = (endpoint["local"]["address"], endpoint["local"]["rtpPort"])
    equal(endpoint["remote"], None, "remote before anything came")
    good, bad = raw.RawPeer(near, (near_address, 5100), local), raw.RawPeer(far, (far_address, 5100), local)
    before = lab.drops()["wrong_source"]
    bad.send(raw.rtp(1, 1, 1, 96))
    eventually(lambda: lab.drops()["wrong_source"] > before, 3, "media from elsewhere is dropped")
    good.send(raw.rtp(2, 1, 1, 96))
    event = lab.rpc.wait_event("endpoint.latched", 5, session="latch")
    equal(event["endpoint"], "late", "endpoint that latched")
    bad.send(raw.rtp(1, 2, 2, 96))
    eventually(
        lambda: lab.drops()["wrong_source"] >= before + 2,
        3,
        "media from elsewhere is dropped after the latch",
    )
    view = lab.rpc.call("endpoint.get", session="latch", id="late")
    equal((view["remote"]["address"], view["remote"]["rtpPort"]), (near_address, 5100), "the latched remote")
    for peer in (good, bad):
        peer.close()
    lab.rpc.call("session.remove", id="latch", timeout_s=10)


@case
def one_udp_port_at_two_addresses(lab):
    """The same UDP port of the IPv4 and of the IPv6 address belongs to two endpoints, each with its media."""
    room = lab.room("places")
    free = lab.rpc.call("port.list")["media"]["addresses"]
    equal([use["address"] for use in free], ["198.18.0.1", "2001:db8::1"], "addresses with UDP ports")
    owners = {}
    for family, local in (("ipv4", "198.18.0.1"), ("ipv6", "2001:db8::1")):
        namespace, address = room._address("phone", family)
        endpoint = lab.rpc.call(
            "endpoint.create",
            session="places",
            id=f"first-{family}",
            kind="rtp",
            localAddress=local,
            rtcpMux=True,
            remote={"address": address, "rtpPort": 5200},
        )
        equal(endpoint["local"]["address"], local, "own address")
        owners[family] = (namespace, address, endpoint)
    # The pools were used alike or not: takes UDP ports at the address that is behind until both are equal.
    ports = {family: owner[2]["local"]["rtpPort"] for family, owner in owners.items()}
    wanted, behind = max(ports.values()), min(ports, key=ports.get)
    namespace, address, endpoint = owners[behind]
    for number in range(wanted - ports[behind]):
        if endpoint["local"]["rtpPort"] == wanted:
            break
        endpoint = lab.rpc.call(
            "endpoint.create",
            session="places",
            id=f"more-{number}",
            kind="rtp",
            localAddress=endpoint["local"]["address"],
            rtcpMux=True,
            remote={"address": address, "rtpPort": 5200},
        )
    equal(endpoint["local"]["rtpPort"], wanted, "the same UDP port at both addresses")
    owners[behind] = (namespace, address, endpoint)
    listed = lab.rpc.call("port.list", udpPort=wanted)["allocated"]
    equal(sorted(use["address"] for use in listed), ["198.18.0.1", "2001:db8::1"], "owners of that UDP port")
    peers = []
    for count, (namespace, address, endpoint) in enumerate(owners.values(), start=3):
        peer = raw.RawPeer(namespace, (address, 5200), (endpoint["local"]["address"], wanted))
        for sequence in range(count):
            peer.send(raw.rtp(count, sequence, sequence, 96))
        peers.append(peer)
        eventually(
            lambda: lab.rpc.call("endpoint.get", session="places", id=endpoint["id"])["packetsReceived"]
            == count,
            3,
            f"{count} packets at {endpoint['local']['address']}",
        )
    for peer in peers:
        peer.close()
    try:
        lab.rpc.call("endpoint.create", session="places", id="bad", kind="rtp", localAddress="198.18.77.77")
        raise AssertionError("an address that is not ours was accepted")
    except RpcError as refused:
        assert refused.code == -32602 and "198.18.0.1, 2001:db8::1" in str(refused), refused
    lab.rpc.call("session.remove", id="places", timeout_s=10)


@case
def neighbours_are_listed(lab):
    room = lab.room("near")
    _, address = room._address("listed", "ipv4")
    for name, host in (("here", address), ("gone", "198.18.0.250")):
        lab.rpc.call(
            "endpoint.create",
            session="near",
            id=name,
            kind="rtp",
            remote={"address": host, "rtpPort": 5300},
        )

    port = lab.rpc.call("port.list")["ports"][0]

    def states():
        found = lab.rpc.call("neighbor.list", port=port["name"])["neighbors"]
        return {neighbor["address"]: neighbor for neighbor in found}

    eventually(lambda: states()[address]["state"] == "reachable", 3, "the neighbour that is there answers")
    there = states()[address]
    assert there["mac"] and there["ageMs"] < 10000 and not there["gateway"], there
    eventually(lambda: states()["198.18.0.250"]["state"] == "failed", 6, "the one that is not there failed")
    equal(states()["198.18.0.250"]["mac"], None, "MAC of a station that is not there")
    _, shown, _ = lab.sluicectl("neighbor", "list", "--state", "failed")
    assert "198.18.0.250" in shown and address not in shown, shown
    equal(port["addressConflicts"], 0, "address conflicts")
    lab.rpc.call("session.remove", id="near", timeout_s=10)


if __name__ == "__main__":
    sys.exit(main())
