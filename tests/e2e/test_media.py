"""Real media between every pair of endpoint kinds: every SRTP profile in both directions, IPv4 and IPv6, RTCP
muxed and on its own port, both DTLS roles, own and shared UDP ports. Three counts of packets must agree:
those that the publisher sent, those that sluice received and sent, those that the receiver got."""

import sys
import time

from harness import case, check_continuous, equal, eventually, main, wait_frames, watched

CM80, CM32, GCM128, GCM256 = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
)

# Rooms of six calls that run at the same time: publisher -> receiver
FIRST = {
    "rtp_to_sdes_gcm128": ({"kind": "rtp"}, {"kind": "sdes", "profile": GCM128}),
    "sdes_gcm128_to_webrtc": ({"kind": "sdes", "profile": GCM128}, {"kind": "webrtc"}),
    "sdes_gcm256_to_dtls_gcm256": (
        {"kind": "sdes", "profile": GCM256, "family": "ipv6"},
        {"kind": "dtls", "profiles": [GCM256]},
    ),
    "sdes_cm80_to_rtp_ipv6": (
        {"kind": "sdes", "profile": CM80, "rtcp_mux": True},
        {"kind": "rtp", "family": "ipv6"},
    ),
    "sdes_cm32_to_dtls_cm32_active": (
        {"kind": "sdes", "profile": CM32},
        {"kind": "dtls", "profiles": [CM32], "setup": "active"},
    ),
    "webrtc_to_sdes_cm32": ({"kind": "webrtc"}, {"kind": "sdes", "profile": CM32, "rtcp_mux": True}),
}
SECOND = {
    "webrtc_active_to_rtp_mux": ({"kind": "webrtc", "setup": "active"}, {"kind": "rtp", "rtcp_mux": True}),
    "dtls_gcm128_to_sdes_gcm256": (
        {"kind": "dtls", "profiles": [GCM128]},
        {"kind": "sdes", "profile": GCM256},
    ),
    "dtls_gcm256_active_to_sdes_cm80_ipv6": (
        {"kind": "dtls", "profiles": [GCM256], "setup": "active", "family": "ipv6"},
        {"kind": "sdes", "profile": CM80, "family": "ipv6"},
    ),
    "dtls_cm80_shared_to_rtp": ({"kind": "dtls", "profiles": [CM80], "transport": "shared"}, {"kind": "rtp"}),
    "dtls_cm32_to_dtls_gcm128_shared": (
        {"kind": "dtls", "profiles": [CM32]},
        {"kind": "dtls", "profiles": [GCM128], "transport": "shared"},
    ),
    "rtp_mux_to_webrtc_shared_active": (
        {"kind": "rtp", "rtcp_mux": True},
        {"kind": "webrtc", "transport": "shared", "setup": "active"},
    ),
}


class Calls:
    """One room of calls. The first case that asks runs them from start to end; later cases read the
    result."""

    def __init__(self, session, pairs):
        self.session, self.pairs, self.outcome = session, pairs, None

    def run(self, lab):
        if self.outcome is not None:
            return self.outcome
        self.outcome = {}
        room = lab.room(self.session)
        specs = []
        for number, (publisher, receiver) in enumerate(self.pairs.values()):
            specs.append(
                {
                    "id": f"p{number}",
                    "namespace": f"p{number}",
                    **publisher,
                    "send": {
                        "VP8": {
                            "pt": 96,
                            "ssrc": 1000 + number,
                            "color": "green",
                            "width": 160,
                            "height": 120,
                            "fps": 10,
                        },
                        "OPUS": {"pt": 111, "ssrc": 2000 + number},
                    },
                }
            )
            specs.append(
                {
                    "id": f"r{number}",
                    "namespace": f"r{number}",
                    **receiver,
                    "receive": {
                        "VP8": {"pt": 100, "ssrc": 7000 + number},
                        "OPUS": {"pt": 105, "ssrc": 8000 + number},
                    },
                }
            )
        parties = room.add_all(specs)
        pairs = list(zip(parties[0::2], parties[1::2]))
        for publisher, receiver in pairs:
            for codec in ("VP8", "OPUS"):
                room.route(publisher, receiver, codec)
        wait_connected(lab, self.session)
        room.start(*parties[0::2])
        wait_media_and_reports(pairs)
        room.stop(*parties[0::2])
        time.sleep(0.8)
        streams = {
            (item["endpoint"], item["ssrc"]): item
            for item in lab.rpc.list("stream.list", session=self.session)
        }
        routes = {item["id"]: item for item in lab.rpc.list("route.list", session=self.session)}
        for name, (publisher, receiver) in zip(self.pairs, pairs):
            self.outcome[name] = (
                publisher,
                receiver,
                publisher.peer.fresh_status(),
                receiver.peer.fresh_status(),
                streams,
                routes,
                lab.rpc.call("endpoint.get", session=self.session, id=publisher.id),
            )
        for party in parties:
            party.peer.finish()
        lab.rpc.call("session.remove", id=self.session, timeout_s=15)
        return self.outcome


def wait_connected(lab, session):
    """What comes before a receiver's next hop is known is not sent, and would be missing in the counts."""

    def are_connected():
        states = [endpoint["state"] for endpoint in lab.rpc.list("endpoint.list", session=session)]
        return set(states) <= {"connected", "flowing"}

    eventually(are_connected, 10, f"every endpoint of {session} is connected")


def wait_media_and_reports(pairs):
    for _, receiver in pairs:
        wait_frames(receiver, "VP8", 30, 30)
        wait_frames(receiver, "OPUS", 150, 30)
    # A receiver's first report may come before its first packet, the next one up to 6 s later.
    for publisher, _ in pairs:
        eventually(
            lambda publisher=publisher: publisher.peer.fresh_status()["reported"],
            12,
            f"a report about media of {publisher.id}",
        )


def check_call(publisher, receiver, sent, got, streams, routes, endpoint):
    for codec in ("VP8", "OPUS"):
        ssrc = publisher.send[codec]["ssrc"]
        count = sent["sentPackets"].get(str(ssrc), 0)
        stream = streams[publisher.id, ssrc]
        equal(stream["packetCount"], count, f"{codec} packets that sluice received")
        equal(stream["packetsLost"], 0, f"{codec} packets lost on the way in")
        equal(stream["payloadType"], publisher.send[codec]["pt"], f"{codec} payload type on the way in")
        arrived = check_continuous(receiver, codec, got)
        equal(routes[receiver.routes[codec]]["packets"], count, f"{codec} packets that the route sent")
        equal(arrived["packets"], count, f"{codec} packets that {receiver.id} received")
    equal(got["jitterbuffer"]["lost"], 0, "packets that the jitter buffers missed")
    assert set(got["colors"]) == {"green"}, f"decoded pictures are {got['colors']}, expected green"
    equal(endpoint["authFailures"], 0, "authentication failures")
    # Sender reports arrive with the receiver's SSRCs, and their times match its media.
    assert got["rtcp"].get("sr", 0) > 0, f"no sender report reached {receiver.id}: {got['rtcp']}"
    foreign = {publisher.send[codec]["ssrc"] for codec in publisher.send} & set(got["rtcpSsrcs"])
    assert not foreign, f"RTCP to {receiver.id} names the publisher's SSRCs {foreign}"
    if publisher.kind != "webrtc":  # after a late start, webrtcbin's reports do not match its media
        offset = watched(got, receiver.receive["OPUS"]["ssrc"])["reportOffset"]
        assert offset is not None and abs(offset) < 1.5, f"sender report is {offset} s off its media"
    # Receiver reports come back and name the publisher's SSRCs.
    assert (
        sent["rtcp"].get("rr", 0) + sent["rtcp"].get("sr", 0) > 0
    ), f"no report reached {publisher.id}: {sent['rtcp']}"
    about = {int(ssrc) for ssrc in sent["reported"]}
    assert about and about <= {
        item["ssrc"] for item in publisher.send.values()
    }, f"reports about SSRCs {about}"


for _session, _pairs in (("media-1", FIRST), ("media-2", SECOND)):
    _calls = Calls(_session, _pairs)
    for _name in _pairs:

        def _check(lab, calls=_calls, name=_name):
            outcome = calls.run(lab)
            assert name in outcome, "the calls did not run (see the first failure of this room)"
            check_call(*outcome[name])

        _check.__name__ = _name
        case(_check)


@case
def profiles_are_those_asked_for(lab):
    for calls in (_calls,):
        for name, (publisher, _, _, _, _, _, endpoint) in calls.run(lab).items():
            if publisher.kind == "dtls":
                equal(endpoint["dtls"]["profile"], publisher.dtls["profile"], f"{name}: profile")


@case
def nothing_is_left_and_the_ledger_closes(lab):
    lab.ledger_balances()
    equal(lab.rpc.list("endpoint.list"), [], "endpoints after the sessions were removed")
    equal(lab.rpc.call("port.list")["media"]["allocated"], 0, "allocated ports")
    drops = lab.drops()
    bad = {
        reason: count
        for reason, count in drops.items()
        if count and reason not in
        # packets of the peers' kernels, and packets that arrive while calls end
        ("not_for_us", "no_endpoint", "no_route", "unknown_protocol", "no_keys")
    }
    assert not bad, f"drops: {bad}"


if __name__ == "__main__":
    sys.exit(main())
