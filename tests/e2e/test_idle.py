"""Workers without work ([workers] idle): they sleep, and still answer, relay and stop. The start refuses a
mode that the port does not support. Also the limit on a worker's load: a flood reaches it, and admission
resumes after the flood."""

import json
import os
import subprocess
import sys
import time

from harness import case, equal, eventually, main, options

from lab import raw

PEER = "198.18.7.7"


def _worker_seconds(lab):
    """The CPU time of the worker's thread."""
    pid = lab.daemon.process.pid
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as comm:
            if comm.read().startswith(("rte-worker", "lcore-worker", "dpdk-worker")):
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    return int(stat.read().split()[0]) / 1e9
    raise LookupError("no worker thread")


def _share(lab, seconds=2):
    before, begun = _worker_seconds(lab), time.monotonic()
    time.sleep(seconds)
    return (_worker_seconds(lab) - before) / (time.monotonic() - begun)


def _peer(lab):
    if "idle" not in lab.net.peers:
        lab.net.add_peer("idle", f"{PEER}/16")
    return lab.net.peers["idle"]


def _relay_pair(lab, session):
    """A route between two sockets: (sender, receiver)."""
    namespace = _peer(lab)
    sender = raw.RawPeer(namespace, (PEER, 5000))
    receiver = raw.RawPeer(namespace, (PEER, 6000))
    lab.rpc.call("session.create", id=session)
    for name, port in (("a", 5000), ("b", 6000)):
        remote = {"address": PEER, "rtpPort": port, "rtcpPort": port}
        made = lab.rpc.call(
            "endpoint.create", session=session, id=name, kind="rtp", rtcpMux=True, remote=remote
        )
        if name == "a":
            sender.remote = (made["local"]["address"], made["local"]["rtpPort"])
    lab.rpc.call("route.create", session=session, **{"from": {"endpoint": "a"}}, to="b", clockRate=8000)
    return sender, receiver


def _works_asleep(lab, mode, most_share):
    """Checks each duty of a worker, each time after the worker has gone to sleep."""
    lab.start({"workers": {"idle": mode}}, mode)
    namespace = _peer(lab)
    time.sleep(0.5)
    share = _share(lab)
    assert share <= most_share, f"{mode}: a worker without work takes {share:.0%} of its CPU"
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, "ping", "-c", "5", "-i", "0.3", "-W", "2", "198.18.0.1"],
        capture_output=True,
        text=True,
    )
    assert " 0% packet loss" in done.stdout, done.stdout + done.stderr
    sender, receiver = _relay_pair(lab, "asleep")
    time.sleep(0.3)
    for sequence in range(1, 21):
        sender.send(raw.rtp(7, sequence, 160 * sequence, 0))
        assert receiver.receive_rtp(2), f"{mode}: packet {sequence} did not come"
        time.sleep(0.05)
    # A removal waits for the worker's acknowledgement.
    slowest = 0
    for number in range(20):
        time.sleep(0.03)
        lab.rpc.call("session.create", id=f"s{number}")
        lab.rpc.call("endpoint.create", session=f"s{number}", id="e", kind="rtp")
        begun = time.monotonic()
        lab.rpc.call("session.remove", id=f"s{number}")
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 0.25, f"{mode}: a removal took {slowest:.3f} s"
    worker = lab.rpc.call("worker.list")["workers"][0]
    assert worker["busyShare"] < 0.5, f"sleep counts as work: {worker}"
    lab.ledger_balances()
    sender.close()
    receiver.close()
    begun = time.monotonic()
    equal(lab.stop(), 0, "exit code")
    assert time.monotonic() - begun < 5, "it did not wake up to stop"


@case
def pause(lab):
    _works_asleep(lab, "pause", 0.5)


@case
def interrupt(lab):
    if options.port != "tap":
        return
    _works_asleep(lab, "interrupt", 0.1)


@case
def yielding(lab):
    _works_asleep(lab, "yield", 1.01)


@case
def what_a_port_cannot_do_is_refused(lab):
    for mode, device in (
        ("interrupt", "net_null0,no-rx=1"),
        ("monitor", "net_null0,no-rx=1"),
        ("monitor", None),
    ):
        port = {**lab.config["ports"][0], **({"device": device} if device else {})}
        code, output = lab.run(config={"workers": {"idle": mode}, "ports": [port]})
        assert code not in (0, 2) and code < 128, f"exit code {code}: {output}"
        refusal = next((line for line in output.splitlines() if "refusing to start" in line), "")
        for word in (f'idle = "{mode}"', '"lab"', "driver net_", "allowed"):
            assert word in refusal.replace("\\", ""), f"no {word} in: {output}"


def _flood(namespace, target, seconds):
    """Starts a process that sends to that socket as fast as it can, and returns the process."""
    program = (
        "import socket,time\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
        f"s.bind(({PEER!r},5000));s.connect({target!r})\n"
        f"end=time.monotonic()+{seconds}\n"
        "n=0\n"
        "while time.monotonic()<end:\n"
        "  for _ in range(200):\n"
        "    n+=1\n"
        "    try: s.send(b'\\x80\\x00'+(n&65535).to_bytes(2,'big')+(160*n&0xffffffff).to_bytes(4,'big')"
        "+b'\\0\\0\\0\\7'+bytes(60))\n"
        "    except OSError: pass\n"
    )
    return subprocess.Popen(["ip", "netns", "exec", namespace, sys.executable, "-c", program])


@case
def sessions_are_refused_above_the_load_limit(lab):
    """A packet on a TAP port costs several system calls, so one sender makes a load of a few percent."""
    lab.start({"limits": {"worker_load_percent": 2}, "workers": {"idle": "pause"}}, "limit")
    sender, receiver = _relay_pair(lab, "call")
    target = sender.remote
    sender.close()
    flood = _flood(_peer(lab), target, 12)
    try:
        worker = eventually(
            lambda: next((w for w in lab.rpc.call("worker.list")["workers"] if w["load"] > 0.03), None),
            8,
            "a flood makes load",
        )
        assert worker["packetsPerSecond"] > 0 and worker["cyclesPerPacket"] > 0, worker
        equal(worker["capacityLeftPps"], 0, "capacity left above the limit")
        code, output, error = lab.sluicectl("session", "create", "--id", "late")
        equal(code, 1, output + error)
        assert "worker_load_percent is 2, and worker 0, the least loaded, is at" in error, error
        code, output, error = lab.sluicectl("--json", "session", "create", "--id", "late")
        data = json.loads(output)["error"]["data"]
        equal((data["limit"], data["value"], data["worker"]), ("worker_load_percent", 2, 0), "data")
        # The session that was admitted still accepts endpoints.
        lab.rpc.call("endpoint.create", session="call", id="third", kind="rtp")
        assert receiver.receive_rtp(2), "the call that was admitted is cut"
        code, output, error = lab.sluicectl("workers")
        assert code == 0 and "LOAD" in output and "LEFT-PPS" in output, output + error
    finally:
        flood.kill()
        flood.wait()
    eventually(lambda: lab.rpc.call("worker.list")["workers"][0]["load"] < 0.02, 10, "the load goes")
    lab.rpc.call("session.create", id="late")
    receiver.close()
    lab.ledger_balances()
    equal(lab.stop(), 0, "exit code")


if __name__ == "__main__":
    sys.exit(main(start=False))
