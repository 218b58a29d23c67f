"""sluice-gen with a real sluiced over a ring: port. Twenty endpoints with every kind of protection send media
in both directions. Every packet arrives, and every sample decrypts."""

import base64
import json
import os
import subprocess
import sys

from harness import case, equal, main
from shared_memory import shared_memory

NAME = f"gen{os.getpid()}"
SIZE_MIB = 192
CALLS = 10
RELAY, PEERS = "198.18.0.1", "198.18.1.2"
PROTECTIONS = (
    ("AES_CM_128_HMAC_SHA1_80", 30),
    ("AEAD_AES_128_GCM", 28),
    ("none", 0),
)
CHANGES = {
    "ports": [{"name": "lab", "device": f"ring:{NAME}", "addresses": [f"{RELAY}/15"]}],
    "memory": {"huge_pages": "auto", "size_mib": SIZE_MIB},
    "workers": {"idle": "spin"},
}


def _endpoint(rpc, session, name, number, protection, key_bytes):
    """Makes an endpoint in the daemon, and returns its entry in the plan."""
    remote = {"address": PEERS, "rtpPort": 5000 + 2 * number, "rtcpPort": 5000 + 2 * number}
    request = {"session": session, "id": name, "remote": remote, "rtcpMux": True}
    entry = {"address": f"{PEERS}:{5000 + 2 * number}", "protection": protection, "rtcpMux": True}
    if protection == "none":
        request["kind"] = "rtp"
    else:
        keys = [base64.b64encode(os.urandom(key_bytes)).decode() for _ in range(2)]
        request.update(kind="sdes", profile=protection, receiveKey=keys[0], sendKey=keys[1], latch="fixed")
        entry.update(sendKey=keys[0], receiveKey=keys[1])
    made = rpc.call("endpoint.create", **request)
    entry["relay"] = f"{made['local']['address']}:{made['local']['rtpPort']}"
    return entry


def _plan(rpc):
    mac = rpc.call("port.list")["ports"][0]["mac"]
    plan = {"workload": "smoke", "link": {"mac": "02:00:00:00:00:99", "relayMac": mac, "vlan": 0}}
    endpoints, streams, receivers = [], [], []
    for call in range(CALLS):
        session = f"call-{call}"
        rpc.call("session.create", id=session)
        sides = [PROTECTIONS[call % 3], PROTECTIONS[(call + call // 3) % 3]]
        for side, (protection, key_bytes) in enumerate(sides):
            number = 2 * call + side
            endpoints.append(_endpoint(rpc, session, "ab"[side], number, protection, key_bytes))
            streams.append(
                {
                    "endpoint": number,
                    "ssrc": 1000 + number,
                    "payloadType": 0,
                    "payloadBytes": 60 if call % 2 else 160,
                    "packetsPerSecond": 50,
                    "outputs": 1,
                }
            )
            receivers.append({"endpoint": number ^ 1, "ssrc": 7000 + number, "stream": number})
        for side in range(2):
            rpc.call(
                "route.create",
                session=session,
                to="ba"[side],
                clockRate=8000,
                ssrc=7000 + 2 * call + side,
                **{"from": {"endpoint": "ab"[side]}},
            )
    plan.update(endpoints=endpoints, streams=streams, receivers=receivers)
    plan["rtcp"] = {"intervalMs": 200}
    return plan


def _generate(lab, plan, *arguments, timeout_s=60):
    path = os.path.join(lab.logs, "plan.json")
    with open(path, "w") as file:
        json.dump(plan, file)
    binary = os.path.join(lab.build, "bench", "sluice-gen")
    done = subprocess.run(
        [binary, *arguments, "--plan", path, "--json"], capture_output=True, text=True, timeout=timeout_s
    )
    with open(os.path.join(lab.logs, "sluice-gen.log"), "a") as log:
        log.write(done.stderr)
    assert done.stdout, f"no result, code {done.returncode}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)


def _serve(lab, plan, link, orders):
    """Runs `sluice-gen serve` with the orders. Returns its first line and its answers."""
    path = os.path.join(lab.logs, "plan.json")
    with open(path, "w") as file:
        json.dump(plan, file)
    binary = os.path.join(lab.build, "bench", "sluice-gen")
    done = subprocess.run(
        [binary, "serve", *link, "--plan", path],
        input="".join(json.dumps(order) + "\n" for order in orders),
        capture_output=True,
        text=True,
        timeout=60,
    )
    with open(os.path.join(lab.logs, "sluice-gen.log"), "a") as log:
        log.write(done.stderr)
    equal(done.returncode, 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@case
def twenty_endpoints_hear_all_that_was_sent(lab):
    with shared_memory(SIZE_MIB):
        rpc = lab.start()
        try:
            plan = _plan(rpc)
            ring = ("--ring", NAME, "--mbufs", "16383")
            code, result = _generate(lab, plan, "run", *ring, "--rate", "20000", "--seconds", "2")
            equal(result["verifyFailures"], 0, f"samples that were not as sent: {result['failureReasons']}")
            # On a busy host the generator skips packets that are late, and counts them.
            assert result["sent"] + result["skipped"] > 39000, result
            assert result["sent"] > 20000, f"only {result['sent']} packets were sent"
            equal(result["received"], result["sent"], "packets received")
            assert result["verifiedPackets"] >= 10, f"only {result['verifiedPackets']} samples were opened"
            assert result["reportsSent"] >= 100, f"only {result['reportsSent']} RTCP reports were sent"
            equal(result["strangers"], 0, "media for no receiver of the plan")
            equal(code, 0, "sluice-gen's exit code")
            drops = {name: count for name, count in lab.drops().items() if count}
            refused = {"auth_failed", "replayed", "bad_rtp", "bad_rtcp"} & set(drops)
            assert not refused, f"sluiced refused what was sent: {drops}"
            lab.ledger_balances()
        finally:
            equal(lab.stop(), 0, "sluiced's exit code")


@case
def trials_are_made_on_demand(lab):
    with shared_memory(SIZE_MIB):
        rpc = lab.start(name="serve")
        try:
            plan = _plan(rpc)
            orders = [
                {"run": {"rate": 5000, "seconds": 0.2}},
                {"run": {"speed": 1}},
                {"run": {"rate": 8000, "seconds": 0.2}},
            ]
            answers = _serve(lab, plan, ("--ring", NAME, "--mbufs", "16383"), orders)
            equal(answers[0]["plan"]["receivers"], len(plan["receivers"]), "receivers of the plan")
            assert answers[1]["received"] > 500, answers[1]
            equal(answers[1]["lost"], 0, "packets lost")
            assert "rate seconds" in answers[2]["error"], answers[2]
            assert answers[3]["received"] > 500, answers[3]
            drops = {name: count for name, count in lab.drops().items() if count}
            early = {"wrong_source", "no_remote"} & set(drops)
            assert not early, f"media came before the relay knew where from and where to: {drops}"
        finally:
            equal(lab.stop(), 0, "sluiced's exit code")


@case
def a_plan_that_is_wrong_is_told(lab):
    path = os.path.join(lab.logs, "wrong.json")
    with open(path, "w") as file:
        json.dump({"link": {"mac": "02:00:00:00:00:99"}}, file)
    binary = os.path.join(lab.build, "bench", "sluice-gen")
    command = [binary, "run", "--ring", NAME, "--rate", "1", "--plan", path]
    done = subprocess.run(command, capture_output=True, text=True)
    equal(done.returncode, 2, done.stderr)
    assert "link.relayMac" in done.stderr, done.stderr


if __name__ == "__main__":
    sys.exit(main(CHANGES, start=False))
