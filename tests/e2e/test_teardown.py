"""The orderly end: at SIGTERM and at `shutdown` sluiced tells every connected DTLS peer before it ends, and
it leaves nothing behind."""

import os
import socket
import struct
import sys
import time

from harness import case, equal, eventually, main

from lab.dtls import PROFILES, Certificate, is_close_notify
from lab.ice_client import IceClient, random_text
from lab.netns import PEER_DEVICE, inside


class Sniffer:
    """A packet socket that receives sluice's UDP datagrams on a peer's device."""

    def __init__(self, namespace):
        self.socket = inside(
            namespace, socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)
        )
        self.socket.bind((PEER_DEVICE, 0x0003))
        self.socket.setblocking(False)

    def udp_payloads(self):
        found = []
        while True:
            try:
                packet, source = self.socket.recvfrom(65536)
            except BlockingIOError:
                return found
            if (
                source[2] != socket.PACKET_OUTGOING
                and packet[0] >> 4 == 4
                and packet[9] == socket.IPPROTO_UDP
            ):
                header = 4 * (packet[0] & 15)
                found.append((struct.unpack_from("!H", packet, header + 2)[0], packet[header + 8 :]))


def _connect_three(lab):
    """Connects three of the lab's DTLS clients, two on their own ports and one on the shared port, and one
    webrtcbin."""
    room = lab.room("end")
    clients = []
    certificate = Certificate()
    namespace, address = room._address("callers", "ipv4")
    for number, (transport, setup) in enumerate(
        (("own", "passive"), ("shared", "passive"), ("own", "active"))
    ):
        ufrag, password = random_text(8), random_text(32)
        endpoint = lab.rpc.call(
            "endpoint.create",
            session="end",
            id=f"client-{number}",
            kind="webrtc",
            transport=transport,
            ice={"ufrag": ufrag, "password": password},
            dtls={
                "setup": setup,
                "fingerprints": [{"algorithm": "sha-256", "value": certificate.fingerprint}],
            },
        )
        candidate = endpoint["ice"]["candidates"][0]
        client = inside(
            namespace,
            IceClient,
            (address, 8000 + number),
            (candidate["address"], candidate["port"]),
            socket.AF_INET,
            ufrag,
            password,
        )
        assert client.check(endpoint["ice"]["ufrag"], endpoint["ice"]["password"]), "no ICE answer"
        client.start_dtls(certificate, list(PROFILES), setup == "active")
        assert client.handshake(10), client.dtls.error
        clients.append(client)
    browser = room.add("browser", "webrtc", receive={"OPUS": {"pt": 105, "ssrc": 7001}})
    eventually(
        lambda: all(
            endpoint["state"] in ("connected", "flowing")
            for endpoint in lab.rpc.list("endpoint.list", session="end")
        ),
        5,
        "all connected",
    )
    return clients, browser, Sniffer(namespace)


def _check_goodbyes(clients, browser, sniffer, ended):
    alerts = {port for port, payload in sniffer.udp_payloads() if is_close_notify(payload)}
    equal(
        alerts,
        {8000, 8001, 8002},
        "ports that an alert record was seen for on the wire, before the process ended",
    )
    for number, client in enumerate(clients):
        assert client.pump(lambda: client.dtls.closed_by_peer, 2), f"client {number} read no close_notify"
        client.close()
    browser.peer.wait("state", 5, property="dtls", state="closed")
    assert time.monotonic() - ended < 8


@case
def sigterm_says_goodbye_to_everyone(lab):
    clients, browser, sniffer = _connect_three(lab)
    begun = time.monotonic()
    code = lab.stop()
    ended = time.monotonic()
    equal(code, 0, "exit code after SIGTERM")
    assert ended - begun < 5, f"the end took {ended - begun:.1f} s"
    _check_goodbyes(clients, browser, sniffer, ended)
    browser.peer.close()
    assert not os.path.exists(lab.socket), "the socket was left behind"


@case
def shutdown_request_does_the_same(lab):
    rpc = lab.start(name="sluiced-2")
    clients, browser, sniffer = _connect_three(lab)
    equal(rpc.call("shutdown").get("stopping"), True, "answer to shutdown")
    equal(lab.daemon.process.wait(8), 0, "exit code after shutdown")
    _check_goodbyes(clients, browser, sniffer, time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
