"""The API of the real daemon: bad input of every kind, creates that race, reclaimed endpoints, and
sluicectl."""

import json
import os
import socket
import stat
import sys
import threading
import time

from harness import case, equal, eventually, main

from lab.rpc import Rpc, RpcError

LINE_LIMIT = 65536
CHANGES = {"limits": {"idle_timeout_s": 3, "sessions": 300}, "api": {"line_bytes": LINE_LIMIT}}


def refused(code, call):
    try:
        result = call()
    except RpcError as error:
        equal(error.code, code, f"error code of '{error}'")
        return error
    raise AssertionError(f"answered {result}, expected error {code}")


def raw_answer(lab, data, lines=1):
    with lab.daemon.rpc() as rpc:
        rpc.send_raw(data)
        return [rpc.receive_line(5) for _ in range(lines)]


@case
def socket_is_private(lab):
    equal(oct(stat.S_IMODE(os.stat(lab.socket).st_mode)), oct(0o600), "mode")


@case
def creating_is_idempotent(lab):
    rpc = lab.rpc
    equal(rpc.call("session.create", id="same")["created"], True, "first")
    equal(rpc.call("session.create", id="same")["created"], False, "second")
    first = rpc.call("endpoint.create", session="same", id="e", kind="rtp")
    again = rpc.call("endpoint.create", session="same", id="e", kind="rtp")
    equal((first["created"], again["created"]), (True, False), "created")
    equal(again["local"], first["local"], "the same port")
    error = refused(
        -32010, lambda: rpc.call("endpoint.create", session="same", id="e", kind="rtp", rtcpMux=True)
    )
    equal(error.data["existing"]["id"], "e", "the existing object")
    rpc.call("session.remove", id="same")


@case
def racing_creates_make_one(lab):
    """64 connections create one id at the same moment."""
    lab.rpc.call("session.create", id="race")
    before = lab.rpc.call("port.list")["media"]["allocated"]
    results, gate = [], threading.Barrier(63)

    def create():
        with lab.daemon.rpc() as rpc:
            gate.wait()
            results.append(
                rpc.call(
                    "endpoint.create",
                    session="race",
                    id="one",
                    kind="sdes",
                    rtcpMux=True,
                    profile="AES_CM_128_HMAC_SHA1_80",
                    receiveKey="A" * 40,
                )
            )

    # lab.rpc is one of the 64 connections that the daemon allows, so 63 threads open their own.
    threads = [threading.Thread(target=create) for _ in range(63)]
    for thread in threads:
        thread.start()
    results.append(
        lab.rpc.call(
            "endpoint.create",
            session="race",
            id="one",
            kind="sdes",
            rtcpMux=True,
            profile="AES_CM_128_HMAC_SHA1_80",
            receiveKey="A" * 40,
        )
    )
    for thread in threads:
        thread.join()
    equal(len(results), 64, "answers")
    equal(sum(result["created"] for result in results), 1, "answers with created = true")
    equal(
        len({json.dumps([result["local"], result["crypto"]]) for result in results}), 1, "different objects"
    )
    # The answer may refuse rtcpMux, so the port above stays reserved.
    equal(lab.rpc.call("port.list")["media"]["allocated"] - before, 2, "allocated ports")
    lab.rpc.call("session.remove", id="race")


@case
def one_connection_too_many_is_refused(lab):
    held = [lab.daemon.rpc() for _ in range(63)]
    for rpc in held:
        rpc.call("version")
    with lab.daemon.rpc(3) as extra:
        error = refused(-32011, lambda: extra.call("version"))
        equal(error.data, {"limit": "api.connections", "value": 64}, "data of the error")
    for rpc in held:
        rpc.close()
    eventually(lambda: _answers(lab), 5, "a connection is free again")


def _answers(lab):
    try:
        with lab.daemon.rpc(2) as rpc:
            return rpc.call("version")
    except (RpcError, ConnectionError, OSError):
        return None


@case
def bad_lines_are_answered_and_the_connection_lives(lab):
    with lab.daemon.rpc() as rpc:
        for line, code in (
            (b"{", -32700),
            (b"nonsense", -32700),
            (b"\xff\xfe\x00", -32700),
            (b'{"jsonrpc":"2.0",', -32700),
            (b"[]", -32600),
            (b"17", -32600),
            (b'"text"', -32600),
            (b"{}", -32600),
            (b"null", -32600),
            (b'[{"jsonrpc":"2.0","id":1,"method":"version"}]', -32600),
            (b'{"jsonrpc":"1.0","id":1,"method":"version"}', -32600),
            (b'{"jsonrpc":"2.0","id":{},"method":"version"}', -32600),
            (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
            (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601),
            (b'{"jsonrpc":"2.0","id":1,"method":"session.create","params":[]}', -32602),
            (b'{"jsonrpc":"2.0","id":1,"method":"session.create","params":{"id":5}}', -32602),
            (b'{"jsonrpc":"2.0","id":1,"method":"session.create","params":{"id":"a b"}}', -32602),
            (b'{"jsonrpc":"2.0","id":1,"method":"session.create","params":{"colour":"red"}}', -32602),
            (b"[" * 20000, -32700),
        ):
            rpc.send_raw(line + b"\n")
            answer = rpc.receive_line(5)
            equal(answer.get("error", {}).get("code"), code, f"code for {line[:60]!r} ({answer})")
        assert rpc.call("version")["sluice"], "the connection still answers"


@case
def oversized_line_is_refused(lab):
    with lab.daemon.rpc() as rpc:
        rpc.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"version","params":{"x":"' + b"y" * (LINE_LIMIT + 10))
        try:
            answer = rpc.receive_line(5)
            assert "error" in answer, f"answered {answer}"
            assert str(LINE_LIMIT) in json.dumps(answer), f"the limit is not named: {answer}"
        except ConnectionError as error:
            raise AssertionError("hung up without saying why") from error
    assert lab.rpc.call("version")["sluice"], "others are served"


@case
def half_a_request_and_a_slow_one(lab):
    with lab.daemon.rpc() as rpc:
        rpc.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"session.create","params":{"id":"half"}')
    time.sleep(0.2)
    equal(
        [s["id"] for s in lab.rpc.list("session.list") if s["id"] == "half"],
        [],
        "sessions from half a line",
    )
    with lab.daemon.rpc() as rpc:
        for byte in b'{"jsonrpc":"2.0","id":9,"method":"version"}\n':
            rpc.send_raw(bytes([byte]))
        equal(rpc.receive_line(5)["id"], 9, "answer to a request sent byte by byte")


@case
def ten_thousand_requests_in_one_write(lab):
    count = 10000
    data = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"version"}\n' % number for number in range(count))
    with lab.daemon.rpc(30) as rpc:
        writer = threading.Thread(target=rpc.send_raw, args=(data,))
        writer.start()
        for number in range(count):
            equal(rpc.receive_line(30)["id"], number, "order of the answers")
        writer.join()


@case
def a_reader_that_never_reads_delays_no_other(lab):
    with lab.daemon.rpc(2) as rpc:
        request = b'{"jsonrpc":"2.0","id":1,"method":"drop.list"}\n' * 200
        try:
            for _ in range(200):
                rpc.send_raw(request)
        except (socket.timeout, OSError):
            pass
        assert lab.rpc.call("version", timeout_s=3)["sluice"], "others are served"


@case
def wrong_parameters_say_what_is_allowed(lab):
    rpc = lab.rpc
    rpc.call("session.create", id="bad")
    for parameters, word in (
        ({"kind": "h323"}, "kind"),
        ({"kind": "sdes", "receiveKey": "short", "profile": "AEAD_AES_128_GCM"}, "receiveKey"),
        ({"kind": "sdes", "receiveKey": "A" * 40, "profile": "ROT13"}, "profile"),
        ({"kind": "rtp", "remote": {"address": "198.18.0.9", "rtpPort": 0}}, "rtpPort"),
        ({"kind": "rtp", "remote": {"address": "somewhere", "rtpPort": 5}}, "address"),
        ({"kind": "rtp", "remote": {"address": "2001:db8::5", "rtpPort": 5}, "family": "ipv4"}, "address"),
        ({"kind": "rtp", "port": "eth9"}, "port"),
        ({"kind": "rtp", "dscp": 64}, "dscp"),
        (
            {
                "kind": "webrtc",
                "dtls": {"fingerprints": [{"algorithm": "md5", "value": ":".join(["AA"] * 16)}]},
            },
            "algorithm",
        ),
        ({"kind": "webrtc", "dtls": {"setup": "holdconn"}}, "setup"),
        ({"kind": "rtp", "family": "ipx"}, "family"),
    ):
        error = refused(-32602, lambda: rpc.call("endpoint.create", session="bad", id="x", **parameters))
        assert word in f"{error.message} {json.dumps(error.data)}", f"{word} is not named: {error}"
    rpc.call("endpoint.create", session="bad", id="a", kind="rtp")
    rpc.call("endpoint.create", session="bad", id="b", kind="rtp")
    refused(-32602, lambda: rpc.call("route.create", session="bad", to="b", **{"from": {"endpoint": "a"}}))
    refused(
        -32602,
        lambda: rpc.call("route.create", session="bad", to="b", clockRate=0, **{"from": {"endpoint": "a"}}),
    )
    refused(
        -32001,
        lambda: rpc.call(
            "route.create", session="bad", to="missing", clockRate=8000, **{"from": {"endpoint": "a"}}
        ),
    )
    for method, parameters in (
        ("session.get", {"id": "none"}),
        ("endpoint.get", {"session": "bad", "id": "none"}),
        ("endpoint.remove", {"session": "none", "id": "a"}),
        ("session.remove", {"id": "none"}),
        ("route.switch", {"session": "bad", "id": "none", "from": {"endpoint": "a"}}),
    ):
        error = refused(-32001, lambda: rpc.call(method, **parameters))
        assert error.data and error.data.get("id"), f"data of {method}: {error.data}"
    equal(
        [endpoint["id"] for endpoint in rpc.list("endpoint.list", session="bad")],
        ["a", "b"],
        "endpoints",
    )
    rpc.call("session.remove", id="bad")


@case
def session_limit_is_an_error_with_numbers(lab):
    made = []
    try:
        for number in range(301):
            try:
                made.append(lab.rpc.call("session.create", id=f"many-{number}")["id"])
            except RpcError as error:
                equal(error.code, -32011, f"code of '{error}'")
                equal(error.data["value"], 300, "the limit's value")
                break
        else:
            raise AssertionError("301 sessions were created, the limit is 300")
    finally:
        for session in made:
            lab.rpc.call("session.remove", id=session)


@case
def create_and_remove_leaks_nothing(lab):
    rpc = lab.rpc
    before = rpc.call("port.list")["media"]
    for number in range(300):
        rpc.call("session.create", id="churn")
        rpc.call("endpoint.create", session="churn", id="a", kind="rtp")
        rpc.call("endpoint.create", session="churn", id="b", kind="webrtc")
        rpc.call(
            "route.create", session="churn", id="r", to="b", clockRate=8000, **{"from": {"endpoint": "a"}}
        )
        rpc.call("session.remove", id="churn")
    after = rpc.call("port.list")["media"]
    equal((after["allocated"], after["free"]), (before["allocated"], before["free"]), "ports")
    worker = rpc.call("worker.list")["workers"][0]
    equal((worker["endpoints"], worker["routes"]), (0, 0), "endpoints and routes on the worker")
    rpc.events.clear()


@case
def silent_endpoints_are_reclaimed(lab):
    rpc = lab.rpc
    rpc.call("session.create", id="idle")
    rpc.call("endpoint.create", session="idle", id="silent", kind="rtp", rtcpMux=True)
    event = rpc.wait_event("endpoint.removed", 10, endpoint="silent")
    equal(event["reason"], "idle", "reason")
    eventually(lambda: rpc.list("endpoint.list", session="idle") == [], 5, "the endpoint is gone")
    rpc.call("session.remove", id="idle")


@case
def events_come_to_every_subscriber(lab):
    with lab.daemon.rpc() as one, lab.daemon.rpc() as two, lab.daemon.rpc() as deaf:
        for rpc in (one, two):
            equal(rpc.call("event.subscribe"), {"subscribed": True}, "answer")
        lab.rpc.call("session.create", id="news")
        for rpc in (one, two):
            event = rpc.wait_event("session.created", 3, session="news")
            assert event["time"], event
        lab.rpc.call("session.remove", id="news")
        for rpc in (one, two):
            rpc.wait_event("session.removed", 3, session="news")
        assert deaf.call("version") and not deaf.events, "events for someone who did not subscribe"


@case
def sluicectl_speaks_for_people_and_programs(lab):
    def run(*arguments, code=0):
        got, out, err = lab.sluicectl(*arguments)
        equal(got, code, f"exit code of 'sluicectl {' '.join(arguments)}' ({out}{err})")
        return out, err

    equal(json.loads(run("--json", "session", "create", "--id", "cli")[0])["created"], True, "created")
    out, _ = run("session", "list")
    assert "cli" in out and "active" in out, out
    equal([s["id"] for s in json.loads(run("--json", "session", "list")[0])["sessions"]], ["cli"], "sessions")
    for noun in ("endpoint", "route", "stream", "port", "worker", "drop"):
        run(noun, "list")
        assert isinstance(json.loads(run("--json", noun, "list")[0]), dict)
    got, out, err = lab.sluicectl("session", "get", "--id", "none")
    assert got != 0 and "none" in err, f"{got} {out} {err}"
    got, out, err = lab.sluicectl("version", socket="/run/sluice-lab/missing.sock")
    assert got != 0 and "missing.sock" in err, f"{got} {out} {err}"
    run("session", "remove", "--id", "cli")


@case
def stopping_refuses_new_work(lab):
    with Rpc(lab.socket) as rpc:
        equal(rpc.call("shutdown"), {"stopping": True}, "answer")
        equal(lab.daemon.process.wait(8), 0, "exit code")
    lab.rpc.close()


if __name__ == "__main__":
    sys.exit(main(CHANGES))
