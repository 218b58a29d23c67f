"""The bare kernel-UDP relay (bench/peers/udp_relay.cc) as a peer: the least that a relay on sockets costs."""

import os
import subprocess

from ..processes import end, start

FIRST_PORT = 20000


def table(workload):
    """The relay's table, a line for each endpoint. Each call has two endpoints: packets from one go to the
    other."""
    lines = []
    for number, endpoint in enumerate(workload.endpoints):
        ip, port = endpoint.address
        lines.append(f"{FIRST_PORT + number} {ip} {port} {number ^ 1}")
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
        for number, endpoint in enumerate(workload.endpoints):
            endpoint.receive_key = workload.endpoints[number ^ 1].send_key
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
