"""Switches of source while media flows. Two publishers both use SSRCs 1000 and 1001, with unrelated sequence
numbers and timestamps. Strict receivers see no gap, no repeat, no jump in time and no refused packet, and the
picture is the other publisher's."""

import sys
import time

from harness import case, check_continuous, equal, main, wait_frames

SWITCHES = 6
# The first publisher's sequence numbers and timestamps wrap soon; the second's are far from them.
PEERS = [
    {
        "id": "blue",
        "kind": "sdes",
        "profile": "AEAD_AES_128_GCM",
        "send": {
            "VP8": {
                "pt": 96,
                "ssrc": 1000,
                "sequence": 65520,
                "timestamp": 4294960000,
                "color": "blue",
            },
            "OPUS": {"pt": 111, "ssrc": 1001, "sequence": 65500, "timestamp": 4294967000},
        },
    },
    {
        "id": "red",
        "kind": "rtp",
        "send": {
            "VP8": {"pt": 97, "ssrc": 1000, "sequence": 30000, "timestamp": 12345, "color": "red"},
            "OPUS": {"pt": 110, "ssrc": 1001, "sequence": 65000, "timestamp": 2000000000},
        },
    },
    {
        "id": "strict",
        "kind": "sdes",
        "profile": "AES_CM_128_HMAC_SHA1_80",
        "receive": {"VP8": {"pt": 100, "ssrc": 7000}, "OPUS": {"pt": 105, "ssrc": 7001}},
    },
    {
        "id": "browser",
        "kind": "webrtc",
        "receive": {"VP8": {"pt": 101, "ssrc": 1000}, "OPUS": {"pt": 106, "ssrc": 1001}},
    },
    {
        "id": "plain",
        "kind": "rtp",
        "receive": {"VP8": {"pt": 102, "ssrc": 7020}, "OPUS": {"pt": 107, "ssrc": 7021}},
    },
]


@case
def same_ssrc_switch_is_seamless(lab):
    room = lab.room("switch")
    blue, red, strict, browser, plain = room.add_all(PEERS)
    receivers = (strict, browser, plain)
    for receiver in receivers:
        for codec in ("VP8", "OPUS"):
            room.route(blue, receiver, codec, later=[red])
    room.start(blue, red)
    for receiver in receivers:
        wait_frames(receiver, "VP8", 10)
    for turn in range(1, SWITCHES + 1):
        source, color = (red, "red") if turn % 2 else (blue, "blue")
        for receiver in receivers:
            for codec in ("VP8", "OPUS"):
                room.switch(source, receiver, codec)
        for receiver in receivers:
            receiver.peer.wait_status(
                lambda status: status.get("lastColor") == color, 6, f"{color} pictures after switch {turn}"
            )
        time.sleep(0.3)
    room.stop(blue, red)
    time.sleep(0.8)
    routes = {route["id"]: route for route in lab.rpc.list("route.list", session="switch")}
    for receiver in receivers:
        status = receiver.peer.fresh_status()
        for codec in ("VP8", "OPUS"):
            stream = check_continuous(receiver, codec, status)
            route = routes[receiver.routes[codec]]
            equal(stream["packets"], route["packets"], f"{codec} packets that {receiver.id} received")
            equal(route["switches"], SWITCHES, f"switches of {route['id']}")
        equal(set(status["colors"]) - {"other"}, {"blue", "red"}, f"pictures that {receiver.id} decoded")
        equal(status["jitterbuffer"]["lost"], 0, f"packets that {receiver.id}'s jitter buffers missed")
    events = [event for event in lab.rpc.events if event["type"] == "route.switched"]
    equal(len(events), SWITCHES * 6, "route.switched events")
    lab.ledger_balances()
    equal(
        lab.drops()["auth_failed"] + lab.drops()["replayed"] + lab.drops()["too_old"],
        0,
        "packets that sluice refused",
    )


@case
def switch_to_a_silent_source_waits_for_its_first_packet(lab):
    room = lab.room("silent")
    talker, mute, receiver = room.add_all(
        [
            {"id": "talker", "kind": "rtp", "send": {"OPUS": {"pt": 111, "ssrc": 1000}}},
            {"id": "mute", "kind": "rtp", "send": {"OPUS": {"pt": 111, "ssrc": 1000}}},
            {"id": "receiver", "kind": "sdes", "receive": {"OPUS": {"pt": 105, "ssrc": 7001}}},
        ]
    )
    room.route(talker, receiver, "OPUS")
    room.start(talker)
    wait_frames(receiver, "OPUS", 30)
    room.switch(mute, receiver, "OPUS")
    time.sleep(1)
    room.start(mute)
    before = receiver.peer.fresh_status()["decoded"]["OPUS"]
    wait_frames(receiver, "OPUS", before + 40)
    room.stop(talker, mute)
    time.sleep(0.4)
    check_continuous(receiver, "OPUS", receiver.peer.fresh_status())


if __name__ == "__main__":
    sys.exit(main())
