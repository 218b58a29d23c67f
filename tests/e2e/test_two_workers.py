"""A session that is larger than one worker's share: its endpoints live on two workers, and each still hears
all others.

Workers yield when idle, because on a small machine both and the control thread share two CPUs."""

import os
import struct
import sys

from harness import case, equal, eventually, main, options, wait_frames

from lab import raw

CHANGES = {"workers": {"cores": [0, 1]}, "limits": {"session_block": 4}}
RECEIVERS = 12
NTP = 0xE0000000_80000000


class BigRoom:
    """A publisher and twelve receivers, raw plain RTP, in blocks of four over two workers."""

    def __init__(self, lab, session):
        self.lab, self.rpc, self.session = lab, lab.rpc, session
        self.room = lab.room(session)
        self.endpoints, self.peers = {}, {}
        self._port = 7000
        self.publisher = self.add("publisher")
        self.receivers = [self.add(f"r{number}") for number in range(RECEIVERS)]
        for number in range(RECEIVERS):
            self.route(f"r{number}", "publisher")
        self.wait_connected()

    def wait_connected(self):
        """Waits until sluice knows the MAC address of each peer. It drops packets before that."""
        eventually(
            lambda: all(
                endpoint["state"] == "connected"
                for endpoint in self.rpc.list("endpoint.list", session=self.session)
            ),
            10,
            f"the endpoints of {self.session} are connected",
        )

    def add(self, name):
        namespace, address = self.room._address("fa", "ipv4")
        self._port += 2
        endpoint = self.rpc.call(
            "endpoint.create",
            session=self.session,
            id=name,
            kind="rtp",
            rtcpMux=True,
            remote={"address": address, "rtpPort": self._port},
        )
        local = endpoint["local"]
        self.endpoints[name] = endpoint
        self.peers[name] = raw.RawPeer(namespace, (address, self._port), (local["address"], local["rtpPort"]))
        return self.peers[name]

    def route(self, to, source):
        return self.rpc.call(
            "route.create",
            session=self.session,
            id=f"to-{to}",
            to=to,
            ssrc=9000,
            clockRate=90000,
            **{"from": {"endpoint": source}},
        )

    def worker(self, name):
        return self.endpoints[name]["worker"]

    def away(self):
        """A receiver that is not on the publisher's worker."""
        return next(
            f"r{number}"
            for number in range(RECEIVERS)
            if self.worker(f"r{number}") != self.worker("publisher")
        )

    def flow(self, first, count, ssrc=4242, sender="publisher", names=None):
        """Sends packets. Returns the sequence numbers that each receiver got, which must be consecutive."""
        got = {}
        names = names or [f"r{number}" for number in range(RECEIVERS)]
        for number in range(count):
            self.peers[sender].send(raw.rtp(ssrc, first + number, 3000 * number, 96))
            for name in names:
                packet = self.peers[name].receive_rtp(3)
                assert packet, f"packet {number} of {count} did not reach {name}"
                sequence, out = struct.unpack_from("!xxHxxxxI", packet)
                equal(out, 9000, f"SSRC at {name}")
                got.setdefault(name, []).append(sequence)
        for name, sequences in got.items():
            steps = {(b - a) & 0xFFFF for a, b in zip(sequences, sequences[1:])}
            assert steps <= {1}, f"{name} got {sequences}"
        return got

    def workers(self):
        return self.rpc.call("worker.list")["workers"]

    def close(self):
        for peer in self.peers.values():
            peer.close()
        self.rpc.call("session.remove", id=self.session, timeout_s=15)


def _clean(lab):
    """Every loan is returned, nothing is left, and every ledger closes."""
    lab.ledger_balances()
    workers = lab.rpc.call("worker.list")["workers"]
    equal(sum(w["lent"] for w in workers), sum(w["borrowed"] for w in workers), "lent and borrowed")
    equal([w["returned"] for w in workers], [w["lent"] for w in workers], "loans that were returned")
    equal([(w["endpoints"], w["routes"], w["streams"]) for w in workers], [(0, 0, 0)] * 2, "what is left")
    equal(sum(w["staleCommands"] for w in workers), 0, "stale commands")
    equal(lab.drops()["lend_ring_full"], 0, "loans that were not taken")


@case
def everybody_receives_everything(lab):
    room = BigRoom(lab, "big")
    equal({room.worker(name) for name in room.endpoints}, {0, 1}, "workers of the room's endpoints")
    view = lab.rpc.call("session.get", id="big")
    equal(sorted(view["workers"]), [0, 1], "workers of the session")
    before = room.workers()
    room.flow(65500, 100)
    after = room.workers()
    home = room.worker("publisher")
    equal(after[home]["lent"] - before[home]["lent"], 100, "loans, one a packet whatever the receivers")
    stream = lab.rpc.list("stream.list", session="big")
    equal(
        [(s["endpoint"], s["packetCount"], s["routes"]) for s in stream], [("publisher", 100, 12)], "streams"
    )
    for route in lab.rpc.list("route.list", session="big"):
        equal(route["packets"], 100, f"packets of {route['id']}")
        equal(route["worker"], room.worker(route["to"]), "the route lives where it leads")
    room.close()
    _clean(lab)


@case
def feedback_goes_home_and_reports_come_out(lab):
    room = BigRoom(lab, "talk")
    got = room.flow(500, 10)
    away = room.away()
    room.publisher.send(raw.sender_report(4242, NTP, 12345, 10, 400))
    for name in (away, "r0"):
        part = room.peers[name].receive_rtcp(3, 200)
        assert part, f"no sender report at {name}"
        equal(struct.unpack_from("!IQ", part[2]), (9000, NTP), f"sender report at {name}")
    peer = room.peers[away]
    # A packet that was never sent: only the publisher can have it.
    room.publisher.send(raw.rtp(4242, 511, 3000 * 11, 96))
    ahead = struct.unpack_from("!xxH", peer.receive_rtp(3))[0]
    equal(ahead, (got[away][-1] + 2) & 0xFFFF, "the gap goes through")
    peer.send(raw.receiver_report(99) + raw.nack(99, 9000, (ahead - 1) & 0xFFFF))
    part = room.publisher.receive_rtcp(3, 205)
    assert part, "no NACK at the publisher"
    equal(struct.unpack_from("!4xIH", part[2]), (4242, 510), "SSRC and packet of the NACK")
    peer.send(raw.receiver_report(99) + raw.pli(99, 9000))
    part = room.publisher.receive_rtcp(3, 206)
    assert part, "no PLI at the publisher"
    equal(struct.unpack_from("!4xI", part[2])[0], 4242, "SSRC of the PLI")
    stream = lab.rpc.list("stream.list", session="talk")[0]
    equal((stream["nackCount"], stream["pliCount"]), (1, 1), "counted at home")
    room.close()
    _clean(lab)


@case
def routes_are_switched_across_workers(lab):
    room = BigRoom(lab, "switch")
    room.flow(100, 5)
    room.add("other")
    away = next(name for name in ("r0", room.away()) if room.worker(name) != room.worker("other"))
    beside = next(
        f"r{number}"
        for number in range(RECEIVERS)
        if f"r{number}" != away and room.worker(f"r{number}") == room.worker(away)
    )
    # `other` lives on another worker than the receiver, `beside` on the same one.
    senders = [("other", 77), ("publisher", 4242), (beside, 88)] * 3
    for turn, (sender, ssrc) in enumerate(senders):
        lab.rpc.call("route.switch", session="switch", id=f"to-{away}", **{"from": {"endpoint": sender}})
        # The steps are small enough that sluice takes the stream as continued, not as restarted (RFC 3550
        # A.1).
        room.flow(500 * turn + 200, 5, ssrc, sender, None if sender == "publisher" else [away])
    lab.rpc.call("route.switch", session="switch", id=f"to-{away}", **{"from": {"endpoint": "publisher"}})
    lab.rpc.call("endpoint.remove", session="switch", id="publisher", timeout_s=15)
    eventually(
        lambda: len(lab.rpc.list("route.list", session="switch")) == 0,
        5,
        "the publisher's routes end",
    )
    room.route("r0", "other")
    room.route(room.away(), "other")
    room.flow(5000, 5, 77, "other", ["r0", room.away()])
    room.close()
    _clean(lab)


@case
def gstreamer_across_workers(lab):
    room = lab.room("film")
    publisher = room.add(
        id="publisher", namespace="fa", kind="sdes", send={"VP8": {"pt": 96, "ssrc": 4242, "color": "green"}}
    )
    for number in range(3):  # these fill the first block
        lab.rpc.call("endpoint.create", session="film", id=f"idle{number}", kind="rtp")
    receivers = room.add_all(
        [
            {"id": "sdes", "namespace": "fb", "kind": "sdes", "receive": {"VP8": {"pt": 100, "ssrc": 7000}}},
            {
                "id": "web",
                "namespace": "fc",
                "kind": "webrtc",
                "transport": "shared",
                "receive": {"VP8": {"pt": 101, "ssrc": 7001}},
            },
        ]
    )
    for receiver in receivers:
        assert receiver.endpoint["worker"] != publisher.endpoint["worker"], receiver.endpoint
        room.route(publisher, receiver, "VP8")
    room.start(publisher)
    for receiver in receivers:
        wait_frames(receiver, "VP8", 20, 30)
    room.close()
    lab.rpc.call("session.remove", id="film", timeout_s=15)
    _clean(lab)


@case
def steering_is_told(lab):
    room = BigRoom(lab, "steer")
    room.flow(1, 5)
    room.close()
    port = lab.rpc.call("port.list")["ports"][0]
    queues = 1 if options.port == "af_packet" else 2
    equal((port["queues"], port["transmitQueues"]), (queues, queues), "queues")
    assert port["steering"] in ("flow", "rss", "handoff"), port
    workers = lab.rpc.call("worker.list")["workers"]
    for worker in workers:
        assert 0 <= worker["misdirected"] <= 1, worker
    equal(sum(w["passedOn"] for w in workers), sum(w["carried"] for w in workers), "frames passed on")
    equal(workers[0]["carried"] > 0, queues == 1, "whether worker 0 carried frames of worker 1")
    equal(lab.stop(), 0, "exit code after all of that")
    lab.start()


if __name__ == "__main__":
    if os.cpu_count() < 2:
        print("0 passed, 0 failed")
        sys.exit(0)
    sys.exit(main(CHANGES))
