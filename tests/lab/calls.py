"""Calls through sluice: each party is an endpoint, made through the API, and the peer that talks to it.

    room = Room(net, rpc, "room-1", logs)
    alice = room.add("alice", "sdes", send={"VP8": {"pt": 96, "ssrc": 1000}}, profile="AEAD_AES_128_GCM")
    bob = room.add("bob", "webrtc", receive={"VP8": {"pt": 100, "ssrc": 7000}})
    room.route(alice, bob, "VP8")
    room.start(alice)
"""

import base64
import concurrent.futures
import os
import threading
import time

from . import sdp
from .dtls import Certificate
from .gst_facts import CLOCK_RATES
from .ice_client import random_text
from .netns import LabError
from .peer import Peer

KEY_BYTES = {
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
PEER_PORT = 5000


class Party:
    """One side of a call: `endpoint` is the API's object, `peer` the process. `send` and `receive` name the
    streams: codec -> payload type and SSRC."""

    def __init__(self, id, kind, send, receive):
        self.id, self.kind, self.send, self.receive = id, kind, send or {}, receive or {}
        self.endpoint = self.peer = None
        self.routes = {}  # codec -> id of the route that leads to this party


class Room:
    def __init__(self, net, rpc, session, log_folder):
        self.net, self.rpc, self.session, self.log_folder = net, rpc, session, log_folder
        self.parties = {}
        self._address_lock = threading.Lock()
        rpc.call("session.create", id=session)

    def _address(self, name, family):
        """The namespace of that name and its address. The first use makes the namespace."""
        with self._address_lock:
            if name not in self.net.peers:
                number = len(self.net.peers) + 16
                self.net.add_peer(name, f"198.18.0.{number}/16", f"2001:db8::{number:x}/64")
            number = list(self.net.peers).index(name) + 16
        return self.net.peers[name], f"2001:db8::{number:x}" if family == "ipv6" else f"198.18.0.{number}"

    def _start_peer(self, namespace, spec):
        return Peer(namespace, spec, os.path.join(self.log_folder, f"{self.session}-{spec['id']}.log"))

    def add(self, id, kind, send=None, receive=None, family="ipv4", **options):
        """kind: rtp, sdes, webrtc (webrtcbin) or dtls (our own ICE and DTLS client, a webrtc endpoint for
        sluice).

        options: rtcp_mux, profile (sdes), profiles and setup (webrtc, dtls; setup is sluice's role),
        transport (webrtc, dtls: own or shared), namespace (default: a new one), feedback, remote_unknown
        (sdes, rtp: sluice latches).
        """
        party = self.parties[id] = Party(id, kind, send, receive)
        namespace, address = self._address(options.pop("namespace", id), family)
        spec = {"id": id, "kind": kind, "send": party.send, "receive": party.receive}
        if "feedback" in options:
            spec["feedback"] = options.pop("feedback")
        getattr(self, f"_add_{kind}")(party, spec, namespace, address, family, **options)
        return party

    def _add_rtp(
        self,
        party,
        spec,
        namespace,
        address,
        family,
        rtcp_mux=False,
        remote_unknown=False,
        profile=None,
        rtp_port=PEER_PORT,
        **create,
    ):
        remote = {"address": address, "rtpPort": rtp_port, **({} if rtcp_mux else {"rtcpPort": rtp_port + 1})}
        parameters = {
            "session": self.session,
            "id": party.id,
            "kind": party.kind,
            "family": family,
            "rtcpMux": rtcp_mux,
            **create,
        }
        if not remote_unknown:
            parameters["remote"] = remote
        if party.kind == "sdes":
            profile = profile or "AES_CM_128_HMAC_SHA1_80"
            peer_key = base64.b64encode(os.urandom(KEY_BYTES[profile])).decode()
            parameters |= {"profile": profile, "receiveKey": peer_key}
        party.endpoint = self.rpc.call("endpoint.create", **parameters)
        local = party.endpoint["local"]
        spec |= {
            "local": remote,
            "rtcpMux": rtcp_mux,
            "remote": {
                "address": local["address"],
                "rtpPort": local["rtpPort"],
                "rtcpPort": local["rtcpPort"],
            },
        }
        if party.kind == "sdes":
            spec["crypto"] = {
                "profile": profile,
                "sendKey": peer_key,
                "receiveKey": party.endpoint["crypto"]["sendKey"],
            }
        party.peer = self._start_peer(namespace, spec)
        party.peer.wait("ready", 30)

    _add_sdes = _add_rtp

    def _add_dtls(
        self,
        party,
        spec,
        namespace,
        address,
        family,
        setup="passive",
        profiles=tuple(KEY_BYTES),
        transport="own",
        **create,
    ):
        party.certificate = Certificate()
        ice = {"ufrag": random_text(8), "password": random_text(32)}
        party.endpoint = self.rpc.call(
            "endpoint.create",
            session=self.session,
            id=party.id,
            kind="webrtc",
            family=family,
            transport=transport,
            ice=ice,
            dtls={
                "setup": setup,
                "fingerprints": [{"algorithm": "sha-256", "value": party.certificate.fingerprint}],
            },
            **create,
        )
        candidate = party.endpoint["ice"]["candidates"][0]
        spec |= {
            "local": {"address": address, "rtpPort": PEER_PORT},
            "remote": {"address": candidate["address"], "rtpPort": candidate["port"]},
            "ice": {
                **ice,
                "remoteUfrag": party.endpoint["ice"]["ufrag"],
                "remotePassword": party.endpoint["ice"]["password"],
            },
            "dtls": {
                "certificate": party.certificate.certificate,
                "key": party.certificate.key,
                "profiles": list(profiles),
                "server": setup == "active",
                "fingerprint": party.endpoint["dtls"]["fingerprint"]["value"],
            },
        }
        party.peer = self._start_peer(namespace, spec)
        party.dtls = party.peer.wait("ready", 30)["dtls"]
        self._wait_connected(party)

    def _add_webrtc(
        self, party, spec, namespace, address, family, setup="passive", transport="own", offer=None, **create
    ):
        """A publisher sends an offer and sluice answers; a receiver gets an offer of sluice. `setup` is
        sluice's role."""
        offers = bool(party.send) if offer is None else offer
        party.peer = self._start_peer(namespace, spec | {"offer": offers})
        parameters = {
            "session": self.session,
            "id": party.id,
            "kind": "webrtc",
            "family": family,
            "transport": transport,
            **create,
        }
        if offers:
            text = party.peer.wait("sdp", 30)["sdp"]
            theirs = sdp.peer_transport(text)
            party.endpoint = self.rpc.call(
                "endpoint.create",
                **parameters,
                ice={"ufrag": theirs["ufrag"], "password": theirs["password"]},
                dtls={"setup": setup, "fingerprints": [theirs["fingerprint"]]},
            )
            media = [{**item, "direction": "recvonly"} for item in sdp.peer_media(text)]
            party.peer.command(
                "remote", type="answer", sdp=sdp.sluice_description(party.endpoint, media, setup)
            )
        else:
            party.endpoint = self.rpc.call("endpoint.create", **parameters, dtls={"setup": setup})
            media = [
                {"mid": f"{codec.lower()}{number}", "codec": codec, "direction": "sendonly", **item}
                for number, (codec, item) in enumerate(party.receive.items())
            ]
            party.peer.command(
                "remote", type="offer", sdp=sdp.sluice_description(party.endpoint, media, setup)
            )
            theirs = sdp.peer_transport(party.peer.wait("sdp", 30, type="answer")["sdp"])
            self.rpc.call(
                "endpoint.connect",
                session=self.session,
                id=party.id,
                ice={"ufrag": theirs["ufrag"], "password": theirs["password"]},
                dtls={"fingerprints": [theirs["fingerprint"]]},
            )
        party.peer.wait("state", 30, property="connection-state", state="connected")
        self._wait_connected(party)

    def _wait_connected(self, party, timeout_s=15):
        """Waits until sluice's endpoint is connected too: it may finish the handshake later than the peer."""
        deadline = time.monotonic() + timeout_s
        while True:
            party.endpoint = self.rpc.call("endpoint.get", session=self.session, id=party.id)
            if party.endpoint["state"] in ("connected", "flowing"):
                return
            if time.monotonic() > deadline or party.endpoint["state"] == "failed":
                raise LabError(
                    f"endpoint {party.id} is {party.endpoint['state']} {party.endpoint.get('reason', '')}, "
                    "expected connected"
                )
            time.sleep(0.05)

    def add_all(self, parties):
        """Adds several parties, four at a time, because a peer takes about a second to start. `parties`:
        dicts of add()'s arguments. Returns the parties in the same order."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda arguments: self.add(**arguments), parties))

    def route(self, source, target, codec, later=(), **options):
        """Makes a route that rewrites to the SSRC and payload type that the target expects. `later`: parties
        that the route may be switched to; it maps their payload types too."""
        wanted = target.receive[codec]
        payload_types = sorted({party.send[codec]["pt"] for party in (source, *later)})
        route = self.rpc.call(
            "route.create",
            session=self.session,
            id=f"{target.id}-{codec.lower()}",
            to=target.id,
            **{"from": self.source(source, codec)},
            ssrc=wanted["ssrc"],
            clockRate=CLOCK_RATES[codec],
            payloadTypes=[{"from": number, "to": wanted["pt"]} for number in payload_types],
            keyframeOnSwitch=codec == "VP8",
            **options,
        )
        target.routes[codec] = route["id"]
        return route

    def source(self, party, codec):
        return {"endpoint": party.id, "payloadTypes": [party.send[codec]["pt"]]}

    def switch(self, source, target, codec):
        return self.rpc.call(
            "route.switch",
            session=self.session,
            id=target.routes[codec],
            **{"from": self.source(source, codec)},
        )

    def start(self, *parties):
        for party in parties:
            party.peer.command("start")

    def stop(self, *parties):
        for party in parties:
            party.peer.command("stop")

    def close(self):
        for party in self.parties.values():
            if party.peer:
                party.peer.close(2)
