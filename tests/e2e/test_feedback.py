"""RTCP through routes: key-frame requests, NACK, reports and BYE. Each arrives with the SSRCs and sequence
numbers of the side that it goes to."""

import struct
import sys
import time

from harness import case, equal, eventually, main, wait_frames

from lab import raw

NTP = 0xE0000000_80000000


def _call(lab, session, publisher_kind, receiver_kind, **receiver):
    room = lab.room(session)
    publisher, target = room.add_all(
        [
            {
                "id": "publisher",
                "namespace": "fa",
                "kind": publisher_kind,
                "send": {"VP8": {"pt": 96, "ssrc": 4242, "color": "green"}},
            },
            {
                "id": "receiver",
                "namespace": "fb",
                "kind": receiver_kind,
                "receive": {"VP8": {"pt": 100, "ssrc": 7000}},
                **receiver,
            },
        ]
    )
    room.route(publisher, target, "VP8")
    room.start(publisher)
    wait_frames(target, "VP8", 8)
    return room, publisher, target


def _key_frame_on_request(lab, session, publisher_kind, receiver_kind, name, **receiver):
    """The receiver asks for a key frame. The request reaches the publisher with the publisher's SSRC, and the
    key frame reaches the receiver."""
    room, publisher, target = _call(lab, session, publisher_kind, receiver_kind, **receiver)
    time.sleep(1.1)  # past the requests at the start: sluice limits their rate
    before = publisher.peer.fresh_status()
    target.peer.command("keyframe")
    after = publisher.peer.wait_status(
        lambda status: status["keyframesSent"] > before["keyframesSent"], 5, "key frame"
    )
    after = publisher.peer.fresh_status()
    asked = after["rtcp"].get("pli", 0) + after["rtcp"].get("fir", 0)
    assert asked > before["rtcp"].get("pli", 0) + before["rtcp"].get(
        "fir", 0
    ), f"no request arrived: {after['rtcp']}"
    assert (
        4242 in after["feedbackMediaSsrcs"]
    ), f"requests name SSRCs {after['feedbackMediaSsrcs']}, expected 4242"
    assert 7000 not in after["feedbackMediaSsrcs"], "a request came through with the receiver's SSRC"
    if name:
        assert after["rtcp"].get(name, 0) >= 1, f"no {name} among {after['rtcp']}"
    stream = next(
        item for item in lab.rpc.list("stream.list", session=session) if item["endpoint"] == "publisher"
    )
    assert stream["pliCount"] + stream["firCount"] >= 1, f"sluice counted no request: {stream}"
    room.close()
    lab.rpc.call("session.remove", id=session, timeout_s=15)


@case
def pli_rtp_to_rtp(lab):
    _key_frame_on_request(lab, "pli-1", "rtp", "rtp", "pli")


@case
def pli_sdes_to_webrtc(lab):
    _key_frame_on_request(lab, "pli-2", "webrtc", "sdes", None, profile="AEAD_AES_256_GCM")


@case
def pli_webrtc_to_sdes(lab):
    _key_frame_on_request(lab, "pli-3", "sdes", "webrtc", None)


@case
def fir_dtls_to_rtp(lab):
    _key_frame_on_request(lab, "fir-1", "rtp", "dtls", None, feedback="fir")


class Pair:
    """A publisher and a receiver as plain RTP sockets (RTCP muxed), and a route between them."""

    def __init__(self, lab, session, **route):
        self.rpc, self.session = lab.rpc, session
        room = lab.room(session)
        self.peers, self.endpoints = [], []
        for number, name in enumerate(("publisher", "receiver")):
            namespace, address = room._address(f"f{'ab'[number]}", "ipv4")
            port = 6000
            endpoint = lab.rpc.call(
                "endpoint.create",
                session=session,
                id=name,
                kind="rtp",
                rtcpMux=True,
                remote={"address": address, "rtpPort": port},
            )
            local = endpoint["local"]
            self.peers.append(raw.RawPeer(namespace, (address, port), (local["address"], local["rtpPort"])))
        self.publisher, self.receiver = self.peers
        lab.rpc.call(
            "route.create",
            session=session,
            id="route",
            to="receiver",
            ssrc=7000,
            clockRate=90000,
            payloadTypes=[{"from": 96, "to": 100}],
            **{"from": {"endpoint": "publisher"}},
            **route,
        )
        # sluice drops packets until it has found the MAC addresses of both peers.
        for name in ("publisher", "receiver"):
            eventually(
                lambda: lab.rpc.call("endpoint.get", session=session, id=name)["state"] == "connected",
                5,
                f"the address of {name} is resolved",
            )

    def flow(self, first, count, ssrc=4242, timestamp=1000):
        """Sends packets; [(sequence, timestamp, ssrc, payload type)] as received."""
        got = []
        for number in range(count):
            self.publisher.send(raw.rtp(ssrc, first + number, timestamp + 3000 * number, 96))
            packet = self.receiver.receive_rtp(2)
            assert packet, f"packet {number} of {count} did not arrive"
            payload_type, sequence, stamp, out = struct.unpack_from("!xBHII", packet)
            got.append((sequence, stamp, out, payload_type & 0x7F))
        return got

    def close(self):
        for peer in self.peers:
            peer.close()
        self.rpc.call("session.remove", id=self.session, timeout_s=15)


@case
def nack_names_the_publishers_packet(lab):
    pair = Pair(lab, "nack")
    # 65538 and 65539, which wrap to 2 and 3, are lost on their way here.
    got = pair.flow(65530, 8) + pair.flow(65540, 4, timestamp=31000)
    equal({(ssrc, pt) for _, _, ssrc, pt in got}, {(7000, 100)}, "SSRC and payload type at the receiver")
    steps = [(b[0] - a[0]) & 0xFFFF for a, b in zip(got, got[1:])]
    equal(steps, [1] * 7 + [3] + [1] * 3, "sequence steps across the wrap")
    # A packet that came here is not asked of the publisher: its answer would be a replay.
    pair.receiver.send(raw.receiver_report(99) + raw.nack(99, 7000, got[2][0], 0))
    pair.receiver.send(raw.receiver_report(99) + raw.nack(99, 7000, got[7][0] + 1, 0x0001))
    kind, count, body = pair.publisher.receive_rtcp(3, 205) or (None, None, None)
    equal((kind, count), (205, 1), "feedback at the publisher")
    media, lost, mask = struct.unpack_from("!4xIHH", body)
    equal((media, lost, mask), (4242, 2, 1), "SSRC, packet id and mask of the NACK")
    stream = lab.rpc.list("stream.list", session="nack")[0]
    assert stream["nackCount"] >= 1, stream
    pair.close()


def _misses(lab):
    return sum(worker["retransmitMisses"] for worker in lab.rpc.call("worker.list")["workers"])


@case
def nack_is_answered_from_the_packet_cache(lab):
    pair = Pair(lab, "again", retransmit=True)
    # Packets are kept from the receiver's first NACK on: this one is about a packet that was never sent.
    first = pair.flow(65528, 2)[0][0]
    missed = _misses(lab)
    pair.receiver.send(raw.receiver_report(99) + raw.nack(99, 7000, (first - 1000) & 0xFFFF, 0))
    eventually(lambda: _misses(lab) > missed, 3, "the first NACK")
    lost = pair.flow(65530, 12)[8:10]
    pair.receiver.send(raw.receiver_report(99) + raw.nack(99, 7000, lost[0][0], 0x0001))
    again = [struct.unpack_from("!xBHII", pair.receiver.receive_rtp(2) or bytes(12)) for _ in lost]
    equal(again, [(100, sequence, stamp, 7000) for sequence, stamp, _, _ in lost], "what came again")
    assert not pair.receiver.receive_rtp(0.2), "something came a third time"
    assert not pair.publisher.receive_rtcp(0.2, 205), "the publisher was asked for what sluice has"
    route = lab.rpc.call("route.get", session="again", id="route")
    equal((route["retransmit"], route["retransmitted"], route["packets"]), (True, 2, 16), "the route's view")
    # The publisher skips 65530 + 12, so only the publisher can send that packet.
    pair.publisher.send(raw.rtp(4242, 65530 + 13, 1000, 96))
    last = struct.unpack_from("!xxH", pair.receiver.receive_rtp(2) or bytes(12))[0]
    pair.receiver.send(raw.receiver_report(99) + raw.nack(99, 7000, (last - 1) & 0xFFFF, 0))
    body = (pair.publisher.receive_rtcp(3, 205) or (None, None, bytes(12)))[2]
    equal(struct.unpack_from("!4xIHH", body), (4242, 65530 + 12 - 65536, 0), "the NACK at the publisher")
    pair.close()


@case
def sender_report_is_translated(lab):
    pair = Pair(lab, "sr")
    got = pair.flow(100, 5, timestamp=500000)
    shift = (got[0][1] - 500000) & 0xFFFFFFFF
    pair.publisher.send(raw.sender_report(4242, NTP, 512345, 5, 200))
    kind, _, body = pair.receiver.receive_rtcp(3, 200) or (None, None, None)
    equal(kind, 200, "a sender report at the receiver")
    ssrc, ntp, rtp_time = struct.unpack_from("!IQI", body)
    equal(ssrc, 7000, "SSRC of the report")
    equal(ntp, NTP, "its NTP time")
    equal(rtp_time, (512345 + shift) & 0xFFFFFFFF, "its RTP time")
    pair.close()


@case
def receiver_report_reaches_the_publisher(lab):
    pair = Pair(lab, "rr")
    got = pair.flow(200, 5)
    pair.receiver.send(raw.receiver_report(99, (7000, 12, 3, got[-1][0], 77, 0x11112222, 5)))
    deadline = time.monotonic() + 3
    while True:
        part = pair.publisher.receive_rtcp(max(0.01, deadline - time.monotonic()), 201)
        assert part, "no receiver report about SSRC 4242 at the publisher"
        if part[1] >= 1 and struct.unpack_from("!I", part[2], 4)[0] == 4242:
            break
    pair.close()


@case
def bye_does_not_pass_but_the_routes_end_says_it(lab):
    pair = Pair(lab, "bye")
    pair.flow(10, 5)
    pair.publisher.send(raw.receiver_report(4242) + raw.bye(4242))
    lab.rpc.wait_event("stream.ended", 5, session="bye")
    assert pair.receiver.receive_rtcp(0.7, 203) is None, "the publisher's BYE reached the receiver"
    lab.rpc.call("route.remove", session="bye", id="route", timeout_s=10)
    part = pair.receiver.receive_rtcp(3, 203)
    assert part, "no BYE when the route ended"
    equal(struct.unpack_from("!I", part[2])[0], 7000, "SSRC of the BYE")
    pair.close()


@case
def reduced_size_and_truncated_rtcp(lab):
    pair = Pair(lab, "odd")
    pair.flow(10, 3)
    pair.receiver.send(raw.pli(99, 7000))  # reduced-size RTCP (RFC 5506): no report before it
    part = pair.publisher.receive_rtcp(3, 206)
    assert part, "a reduced-size PLI did not reach the publisher"
    equal(struct.unpack_from("!4xI", part[2])[0], 4242, "media SSRC of the PLI")
    whole = raw.receiver_report(99, (7000, 0, 0, 12, 0, 0, 0)) + raw.nack(99, 7000, 12)
    for length in range(1, len(whole)):
        pair.receiver.send(whole[:length])
    for length in range(1, 12):
        pair.publisher.send(raw.rtp(4242, 13, 13000, 96, b"")[:length])
    eventually(
        lambda: lab.drops()["bad_rtcp"] > 0 and lab.drops()["bad_rtp"] > 0, 3, "truncated packets are counted"
    )
    pair.flow(13, 3, timestamp=10000)  # the stream goes on
    lab.ledger_balances()
    pair.close()


if __name__ == "__main__":
    sys.exit(main())
