"""The speed of the control thread while its worker has half of its load and may lose no packet: endpoints
made over the socket, and full DTLS handshakes. Generator, clients and control thread share a CPU here: the
generator takes it when packets are due (--share-cpu), the others get the rest. So the figure that counts is
that per second of the control thread's CPU time; the one per second of real time stands beside it.
"""

import os
import select
import signal
import socket
import threading
import time

from lab import stun
from lab.dtls import Certificate, Dtls
from lab.netns import inside, remove_namespace, run
from lab.rpc import Rpc

from . import api
from .measure import differences
from .processes import end

SIDE_ADDRESS, CLIENT_ADDRESS = "198.19.0.1", "198.19.0.2"
SIDE_DEVICE, CLIENT_DEVICE = "side0", "client0"
PROFILE = "AEAD_AES_128_GCM"
CLIENTS_AT_ONCE = 32


def side_port():
    """A second port of sluiced, for DTLS clients on kernel sockets."""
    return {
        "name": "side",
        "device": f"net_af_packet_side,iface={SIDE_DEVICE}",
        "addresses": [f"{SIDE_ADDRESS}/24"],
    }


class Side:
    """Two namespaces and a veth pair between them: sluiced lives in `relay`, clients in `clients`."""

    def __init__(self):
        tag = f"sluice-bench-{os.getpid():x}"
        self.relay, self.clients = f"{tag}-side", f"{tag}-clients"
        try:
            for namespace in (self.relay, self.clients):
                run("ip", "netns", "add", namespace)
                run("ip", "-n", namespace, "link", "set", "lo", "up")
            run(
                *("ip", "-n", self.relay, "link", "add", SIDE_DEVICE, "type", "veth"),
                *("peer", "name", CLIENT_DEVICE, "netns", self.clients),
            )
            for namespace, device in ((self.relay, SIDE_DEVICE), (self.clients, CLIENT_DEVICE)):
                run(
                    *("ip", "netns", "exec", namespace, "ethtool", "-K", device),
                    *("tx", "off", "gro", "off"),
                    check=False,
                )
                run("ip", "-n", namespace, "link", "set", device, "up")
            run("ip", "-n", self.clients, "addr", "add", f"{CLIENT_ADDRESS}/24", "dev", CLIENT_DEVICE)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for namespace in (self.relay, self.clients):
            remove_namespace(namespace)


def creations(relay, count):
    """Makes `count` endpoints in one session over one connection. The requests are made before the timing."""
    relay.rpc.call("session.create", id="creations")
    requests = [
        (
            "endpoint.create",
            {
                "session": "creations",
                "id": f"e{number}",
                "kind": "sdes",
                "rtcpMux": True,
                "profile": PROFILE,
                "receiveKey": "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubA==",
                "remote": {"address": "198.18.3.1", "rtpPort": 2000 + 2 * number},
            },
        )
        for number in range(count)
    ]
    data = api.encode(requests)
    before = relay.control_cpu_s()
    seconds, lines = api.exchange(relay.socket, data, count)
    spent = relay.control_cpu_s() - before
    refused = sum(b'"error"' in line for line in lines)
    if refused:
        raise api.Refused(f"{refused} of {count} endpoints: {lines[-1].decode()[:300]}")
    return {
        "what": "endpoint creations",
        "count": count,
        "perSecond": count / seconds,
        "perCpuSecond": count / spent,
    }


class _Client:
    """One webrtc peer: sends an ICE check that nominates, then does a handshake as the DTLS client."""

    def __init__(self, number, endpoint, certificate):
        candidate = endpoint["ice"]["candidates"][0]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((CLIENT_ADDRESS, 0))
        self.socket.connect((candidate["address"], candidate["port"]))
        self.socket.setblocking(False)
        self.dtls = Dtls(certificate, [PROFILE], False)
        self.check = stun.binding_request(
            f"{endpoint['ice']['ufrag']}:peer{number}",
            endpoint["ice"]["password"],
            transaction=os.urandom(12),
        )
        self.started = False
        self.again_at = 0.0

    @property
    def done(self):
        return self.dtls.connected

    def work(self, now):
        if not self.started and now >= self.again_at:
            self.again_at = now + 0.5
            self.socket.send(self.check)
        elif self.started and now >= self.again_at:
            self.again_at = now + 0.5
            self.dtls.handle_timeout()
            self._flush()

    def _flush(self):
        for datagram in self.dtls.take_datagrams():
            self.socket.send(datagram)

    def receive(self):
        try:
            datagram = self.socket.recv(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return
        if 20 <= datagram[0] <= 63:
            self.dtls.receive(datagram)
            self._flush()
        elif datagram[0] <= 3 and not self.started:
            self.started = True
            self.dtls.start()
            self._flush()


def _shake_all(clients, timeout_s):
    deadline = time.monotonic() + timeout_s
    left = list(clients)
    while left:
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError(
                f"{len(left)} of {len(clients)} DTLS handshakes did not end: {left[0].dtls.error}"
            )
        for client in left:
            client.work(now)
        by_socket = {client.socket: client for client in left}
        for readable in select.select(list(by_socket), [], [], 0.05)[0]:
            by_socket[readable].receive()
        left = [client for client in left if not client.done]


def handshakes(relay, side, count):
    """Does `count` full handshakes, CLIENTS_AT_ONCE at a time. The endpoints are made before the timing."""
    certificate = Certificate()
    relay.rpc.call("session.create", id="handshakes")
    requests = [
        (
            "endpoint.create",
            {
                "session": "handshakes",
                "id": f"h{number}",
                "kind": "webrtc",
                "port": "side",
                "ice": {"ufrag": f"peer{number}", "password": "peerpeerpeerpeerpeerpeer"},
                "dtls": {
                    "setup": "passive",
                    "fingerprints": [{"algorithm": "sha-256", "value": certificate.fingerprint}],
                },
            },
        )
        for number in range(count)
    ]
    endpoints, _ = api.call_all(relay.socket, requests)

    def all_of_them():
        began, before = time.monotonic(), relay.control_cpu_s()
        for first in range(0, count, CLIENTS_AT_ONCE):
            batch = [
                _Client(number, endpoints[number], certificate)
                for number in range(first, min(count, first + CLIENTS_AT_ONCE))
            ]
            _shake_all(batch, 30)
            for client in batch:
                client.socket.close()
        return time.monotonic() - began, relay.control_cpu_s() - before

    seconds, spent = inside(side.clients, all_of_them)
    return {
        "what": "DTLS handshakes",
        "count": count,
        "perSecond": count / seconds,
        "perCpuSecond": count / spent,
    }


# The worker counts this drop, but the loss is the generator's: it did not drain its ring in time.
NOT_DRAINED = "transmit_queue_full"
LOAD_MAX_S = 120


def _wait_for_load(relay, rate, timeout_s=30):
    """Waits until at least half of `rate` flows, so that the generator's first packets are over."""
    deadline = time.monotonic() + timeout_s
    before = relay.worker()["received"]
    while True:
        time.sleep(0.1)
        now = relay.worker()["received"]
        if now - before > 0.1 * rate / 2:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the load of {rate:,.0f} packets/s did not begin within {timeout_s} s")
        before = now


def losses(trial, drops):
    """The losses of worker and generator. `drops`: the worker's drops by reason, from the begin of the load
    until after its end."""
    by_worker = trial["refused"] + sum(count for reason, count in drops.items() if reason != NOT_DRAINED)
    return {
        "lost": trial["lost"],
        "lostByWorker": by_worker,  # not taken from its ring in time, or dropped
        "lostByGenerator": drops.get(NOT_DRAINED, 0),
        "notSent": trial["skipped"],  # the generator did not have the CPU when they were due
        "drops": drops,
    }


# The rate is for half of the load only while the relay's CPU is as fast as when its cycles were measured.
HALF, LOAD_MIN, LOAD_MAX = 0.5, 0.4, 0.75


def disturbed(row, ring_packets):
    """(the reason why the worker did not have half of its load and a CPU for itself, or None; the next rate).
    The worker's load includes the time that it waited for its CPU, so this function subtracts that time."""
    load = row["workerLoad"] - row["workerWaitedMs"] / 1e3 / row["seconds"]
    rate = row["ratePps"] * min(2.0, HALF / max(load, 0.01))
    if row["lost"] and row["workerWaitedMs"] / 1e3 > ring_packets / row["ratePps"]:
        return f"others had the worker's CPU for {row['workerWaitedMs']:.0f} ms", min(rate, row["ratePps"])
    if row["workerLoadMax"] > LOAD_MAX:
        return f"the worker's load rose to {row['workerLoadMax']:.2f}, which is not half", min(
            rate, row["ratePps"]
        )
    if load < LOAD_MIN:
        return f"the worker's load was {load:.2f}, which is not half", rate
    return None, row["ratePps"]


class _Loads(threading.Thread):
    """Collects the worker's load, which sluiced measures each second, while a job runs."""

    def __init__(self, socket_path):
        super().__init__(daemon=True)
        self.socket_path, self.found, self._end = socket_path, [], threading.Event()

    def run(self):
        with Rpc(self.socket_path, 30) as rpc:
            while not self._end.wait(0.5):
                self.found.append(rpc.call("worker.list")["workers"][0]["load"])

    def end(self):
        self._end.set()
        self.join(35)
        return self.found


def under_load(relay, generator, plan, rate, job):
    """Runs job() while the worker carries `rate`. Adds to its row how busy the worker was, and all losses
    from the load's first packet to its last."""
    process = generator.start("run", plan, rate=int(rate), seconds=LOAD_MAX_S, share_cpu=True)
    try:
        _wait_for_load(relay, rate)
        time.sleep(1)  # sluiced measures the load over a whole second
        before, drops, waited = relay.worker(), relay.drops(), relay.worker_waited_s()
        began = time.monotonic()
        loads = _Loads(relay.socket)
        loads.start()
        row = job()
        after = relay.worker()
        row["seconds"], waited = time.monotonic() - began, relay.worker_waited_s() - waited
        found = [*loads.end(), after["load"]]
        outlasted = process.poll() is None
        process.send_signal(signal.SIGINT)  # ends the trial; the generator then reports it
    except BaseException:
        end(process, 20)
        raise
    trial = generator.finish(process, 60)
    relay.settled_worker()
    row["ratePps"] = round(trial["inputPps"])
    row["workerBusy"] = (after["busyCycles"] - before["busyCycles"]) / (
        after["totalCycles"] - before["totalCycles"]
    )
    row["workerLoad"], row["workerLoadMax"] = sum(found) / len(found), max(found)
    row["workerWaitedMs"] = waited * 1e3
    row["loadOutlasted"] = outlasted
    row["latencyUs"] = trial["latencyUs"]
    row["generatorBusy"] = trial["busyShare"]
    row["verifiedPackets"], row["verifyFailures"] = trial["verifiedPackets"], trial["verifyFailures"]
    row.update(losses(trial, differences(drops, relay.drops())))
    return row
