"""A ring: port: another process of this host, a secondary process of DPDK, exchanges packets with the daemon
through shared memory. The tests need huge pages: they reserve some, or skip when they cannot."""

import glob
import itertools
import os
import select
import socket
import struct
import subprocess
import sys
import time

from harness import case, equal, eventually, main
from lab.raw import rtp
from shared_memory import mounts, shared_memory

NAME = f"e2e{os.getpid()}"
SIZE_MIB = 192
PEER_MAC = bytes.fromhex("020000000099")
RELAY_IP, CALLER_IP, CALLEE_IP = "198.18.0.1", "198.18.1.1", "198.18.1.2"
CHANGES = {
    "ports": [{"name": "lab", "device": f"ring:{NAME}", "addresses": [f"{RELAY_IP}/15"]}],
    "memory": {"huge_pages": "auto", "size_mib": SIZE_MIB},
}


class Peer:
    """A ring_peer process: sends and receives frames."""

    def __init__(self, lab):
        self.process = subprocess.Popen(
            [os.path.join(lab.build, "tests", "e2e", "ring_peer"), NAME],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(os.path.join(lab.logs, "ring_peer.log"), "ab"),
        )
        self._rest = b""

    def send(self, frame):
        self.process.stdin.write(frame.hex().encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, want, timeout_s=10):
        """The next frame that want(frame) accepts."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                if want(frame := bytes.fromhex(line.decode())):
                    return frame
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"ring_peer ended with {self.process.wait()}"
                self._rest += data
        raise AssertionError(f"no such frame came within {timeout_s} s")

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        return code


def _arp(operation, sender, target, target_mac=bytes(6)):
    addresses = PEER_MAC + socket.inet_aton(sender) + target_mac + socket.inet_aton(target)
    header = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return b"\xff" * 6 + PEER_MAC + b"\x08\x06" + header + addresses


def _udp(relay_mac, source, destination, payload):
    udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0xBAD1) + payload
    ip = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0),
        *(socket.inet_aton(source[0]), socket.inet_aton(destination[0])),
    )
    words = struct.unpack("!10H", ip)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    return relay_mac + PEER_MAC + b"\x08\x00" + ip + udp


def _answer_arp(peer, *addresses):
    """Answers the daemon's requests for the MAC of each address."""
    asked = {socket.inet_aton(address): address for address in addresses}

    def is_request(frame):
        return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01" and frame[38:42] in asked

    while asked:
        frame = peer.receive(is_request)
        peer.send(_arp(2, asked.pop(frame[38:42]), RELAY_IP, frame[22:28]))


@case
def packets_cross_both_ways(lab):
    with shared_memory(SIZE_MIB):
        rpc = lab.start()
        peer = Peer(lab)
        try:
            port = rpc.call("port.list")["ports"][0]
            relay_mac = bytes.fromhex(port["mac"].replace(":", ""))
            equal((relay_mac[0], relay_mac[1]), (0x02, 0x73), "a locally administered address")
            peer.send(_arp(1, CALLER_IP, RELAY_IP))
            answer = peer.receive(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\x00\x02")
            equal(answer[22:28], relay_mac, "the address in the ARP answer")

            rpc.call("session.create", id="call")
            for name, address, udp_port in (("a", CALLER_IP, 5000), ("b", CALLEE_IP, 6000)):
                remote = {"address": address, "rtpPort": udp_port}
                rpc.call("endpoint.create", session="call", id=name, kind="rtp", remote=remote)
            caller = rpc.call("endpoint.get", session="call", id="a")
            source = {"from": {"endpoint": "a"}}
            rpc.call("route.create", session="call", clockRate=8000, ssrc=77, to="b", **source)
            _answer_arp(peer, CALLER_IP, CALLEE_IP)
            sequences = itertools.count(10)

            def first():
                return _flows(peer, relay_mac, caller, next(sequences))

            eventually(first, 10, "a packet comes through")
            for sequence in itertools.islice(sequences, 200):
                peer.send(_packet(relay_mac, caller, sequence))
                frame = peer.receive(lambda f: f[23:24] == b"\x11" and f[54:] == _payload(sequence))
                equal(frame[0:6], PEER_MAC, "the destination of what comes back")
                equal(frame[6:12], relay_mac, "its source")
                equal(frame[36:38], struct.pack("!H", 6000), "its port")
                equal(struct.unpack_from("!I", frame, 42 + 8)[0], 77, "its SSRC")
            lab.ledger_balances()
            equal(peer.close(), 0, "ring_peer's exit code")
            # A second process may connect after the first has ended.
            peer = Peer(lab)
            eventually(first, 10, "the next process gets a packet")
        finally:
            peer.close()
            equal(lab.stop(), 0, "sluiced's exit code")
        left = [path for mount in mounts() for path in glob.glob(f"{mount}/sluice-{NAME}map_*")]
        equal(left, [], "files that hold huge pages after the end")


def _payload(sequence):
    return struct.pack("!H", sequence) * 20


def _packet(relay_mac, caller, sequence):
    local = caller["local"]
    packet = rtp(4711, sequence, 160 * sequence, 0, _payload(sequence))
    return _udp(relay_mac, (CALLER_IP, 5000), (local["address"], local["rtpPort"]), packet)


def _flows(peer, relay_mac, caller, sequence):
    peer.send(_packet(relay_mac, caller, sequence))
    try:
        return peer.receive(lambda frame: frame[23:24] == b"\x11", 0.3)
    except AssertionError:
        return None


@case
def says_what_lacks(lab):
    code, output = lab.run(config={"memory": {"huge_pages": "never"}})
    equal(code, 2, output)
    assert "ring:" in output and "memory.huge_pages" in output, output
    code, output = lab.run(config={"memory": {"size_mib": 262144}})
    assert code == 1 and "ring:" in output and "vm.nr_hugepages" in output, f"{code}: {output}"
    with shared_memory(SIZE_MIB):
        unmount = 'umount -a -t hugetlbfs; exec "$@"'
        code, output = lab.run(config={}, prefix=("unshare", "-m", "sh", "-c", unmount, "--"))
        assert code == 1 and "mount -t hugetlbfs" in output, f"{code}: {output}"


if __name__ == "__main__":
    sys.exit(main(CHANGES, start=False))
