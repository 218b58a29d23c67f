"""The bare kernel-UDP relay (bench/peers/udp_relay.cc) as a peer: the least that a relay on sockets costs."""

import os
import subprocess

from ..processes import end, start

FIRST_PORT = 20000


def table(workload):
    """The relay's table, a line for each endpoint. Packets go to all receivers of the endpoint's stream,
    which follow each other in the list of endpoints."""
    receivers = {}
    for receiver in workload.receivers:
        receivers.setdefault(workload.streams[receiver.stream].endpoint, []).append(receiver.endpoint)
    lines = []
    for number, endpoint in enumerate(workload.endpoints):
        ip, port = endpoint.address
        to = receivers.get(number, [])
        if to != list(range(min(to, default=0), min(to, default=0) + len(to))):
            raise ValueError(f"endpoint {number}: its receivers do not follow each other")
        lines.append(f"{FIRST_PORT + number} {ip} {port} {min(to, default=0)} {len(to)}")
    return "\n".join(lines) + "\n"


class UdpRelay:
    name = "kernel UDP relay"
    version = "recvmmsg/sendmmsg"

    def __init__(self, binary, namespace, ip, cpu, directory):
        self.binary, self.namespace, self.ip, self.cpu, self.directory = binary, namespace, ip, cpu, directory
        self.process = None

    def set_up(self, workload):
        path = os.path.join(self.directory, "udp_relay.table")
        with open(path, "w") as file:
            file.write(table(workload))
        # This relay does not decrypt, so the receiver's key is the sender's.
        for receiver in workload.receivers:
            sender = workload.endpoints[workload.streams[receiver.stream].endpoint]
            workload.endpoints[receiver.endpoint].receive_key = sender.send_key
        self.process = start(
            ["ip", "netns", "exec", self.namespace, "taskset", "-c", str(self.cpu), self.binary]
            + ["--address", self.ip, "--table", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        if self.process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"udp_relay ended with {self.process.wait()}")
        return [f"{self.ip}:{FIRST_PORT + number}" for number in range(len(workload.endpoints))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process:
            end(self.process, 10)
