"""The verdict of the demo: the packet counts of sluice must equal those of the peers."""

import time

# Drops of copies that a receiver should have got. stale_after_switch is not among them: such a packet is from
# the source before the switch.
LOSSES = (
    "no_remote",
    "receiver_not_ready",
    "too_big",
    "no_buffer",
    "protect_failed",
    "payload_type_unmapped",
    "transmit_queue_full",
)


def final_statuses(room):
    return {party.id: party.peer.fresh_status(10) for party in room.parties.values()}


def quiet_ledger(rpc, timeout_s=8.0):
    """Waits until every worker's ledger closes; False at the deadline. It retries because RTCP still flows,
    and a packet may be counted in one sum only."""
    deadline = time.monotonic() + timeout_s
    while True:
        if all(worker["ledgerBalanced"] for worker in rpc.call("worker.list")["workers"]):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)


def judge(demo):
    """Returns (the result in the form that the documentation describes, the problems in words)."""
    rpc, room = demo.rpc, demo.room
    problems = []
    statuses = final_statuses(room)
    streams = {
        (item["endpoint"], item["ssrc"]): item for item in rpc.list("stream.list", session=room.session)
    }
    routes = {item["id"]: item for item in rpc.list("route.list", session=room.session)}
    endpoints = rpc.list("endpoint.list", session=room.session)
    result = {
        "ok": False,
        "endpoints": [],
        "packetsReceived": 0,
        "packetsSent": 0,
        "packetsLost": 0,
        "authFailures": 0,
        "switches": sum(route["switches"] for route in routes.values()),
        "receiverDiscontinuities": 0,
        "drops": {},
        "ledgerBalanced": False,
    }

    for endpoint in endpoints:
        counts = rpc.call("endpoint.get", session=room.session, id=endpoint["id"])
        result["authFailures"] += counts["authFailures"]
    for party in room.parties.values():
        status = statuses[party.id]
        result["authFailures"] += status["rejected"]
        for codec, item in party.send.items():
            sent = status["sentPackets"].get(str(item["ssrc"]), 0)
            got = streams.get((party.id, item["ssrc"]), {}).get("packetCount", 0)
            result["packetsReceived"] += got
            result["packetsLost"] += max(0, sent - got)
            if sent != got or not sent:
                problems.append(f"{party.id} sent {sent} {codec} packets, sluice counted {got}")
        if party.receive:
            judge_receiver(party, status, routes, result, problems)

    result["drops"] = rpc.call("drop.list")["drops"]
    for reason in LOSSES:
        if result["drops"].get(reason):
            result["packetsLost"] += result["drops"][reason]
            problems.append(f"sluice dropped {result['drops'][reason]} packets as {reason}")
    result["ledgerBalanced"] = quiet_ledger(rpc)
    exit_code = end_everything(demo)

    if result["packetsLost"]:
        problems.append(f"{result['packetsLost']} packets lost")
    if result["authFailures"]:
        problems.append(f"{result['authFailures']} packets failed authentication or replay checks")
    if result["receiverDiscontinuities"]:
        problems.append(f"receivers saw {result['receiverDiscontinuities']} discontinuities")
    if not result["switches"]:
        problems.append("no route switched its source")
    if not result["ledgerBalanced"]:
        problems.append("the ledger does not close")
    if exit_code != 0:
        problems.append(f"sluiced ended with {exit_code} after SIGTERM")
    result["ok"] = not problems
    return result, problems


def judge_receiver(party, status, routes, result, problems):
    watched = {stream["ssrc"]: stream for stream in status["streams"]}
    wanted_ssrcs = {item["ssrc"] for item in party.receive.values()}
    for codec, item in party.receive.items():
        frames = status["decoded"].get(codec, 0)
        result["endpoints"].append(
            {"id": party.id, "kind": party.kind, "codec": codec, "framesDecoded": frames}
        )
        if not frames:
            problems.append(f"{party.id} decoded no {codec}")
        sent = routes[party.routes[codec]]["packets"]
        stream = watched.get(
            item["ssrc"],
            {
                "packets": 0,
                "gaps": 0,
                "duplicates": 0,
                "timestampJumps": 0,
                "anomalies": [],
                "payloadTypes": [],
            },
        )
        result["packetsSent"] += sent
        result["packetsLost"] += max(0, sent - stream["packets"])
        if sent != stream["packets"]:
            problems.append(
                f"sluice sent {sent} {codec} packets to {party.id}, which got {stream['packets']}"
            )
        if stream["payloadTypes"] != [item["pt"]]:
            problems.append(
                f"{party.id} got {codec} with payload types {stream['payloadTypes']}, expected {item['pt']}"
            )
        breaks = stream["gaps"] + stream["duplicates"] + stream["timestampJumps"]
        result["receiverDiscontinuities"] += breaks
        if breaks:
            problems.append(f"{party.id}, {codec}: {'; '.join(stream['anomalies'])}")
    # Packets that the jitter buffers count as lost: also those that came too late to play.
    result["receiverDiscontinuities"] += status["jitterbuffer"]["lost"]
    if set(watched) - wanted_ssrcs:
        problems.append(
            f"{party.id} got SSRCs {sorted(set(watched) - wanted_ssrcs)} that no route leads to it with"
        )
    if party.id.startswith("switch") and len({"blue", "red"} & set(status["colors"])) < 2:
        problems.append(
            f"{party.id} did not see the pictures of both sources, only {sorted(status['colors'])}"
        )


def end_everything(demo):
    """Ends the peers while sluice still runs, then sluice. Returns sluice's exit code."""
    for party in demo.room.parties.values():
        party.peer.finish()
    demo.rpc.close()
    return demo.daemon.terminate()
