"""The sluiced that is measured: its configuration, start and end, and its CPU time and memory. The binary is
the one that operators run.
"""

import os
import subprocess
import time

from lab import toml_writer
from lab.rpc import Rpc

from . import api, plans
from .engines import BEST
from .processes import end, go_first, start

ADDRESS = "198.18.0.1"
SHARED_ICE_PORT = 1024
MEDIA_PORTS = (1030, 65535)
START_TIMEOUT_S = 60


class RelayError(Exception):
    """sluiced did not behave as a measurement needs."""


def configuration(
    device,
    socket,
    limits,
    relay_cpu,
    control_cpu,
    engine=BEST,
    extra_ports=(),
    changes=None,
    packet_cache_mib=0,  # no receiver asks for a retransmission
):
    config = {
        "ports": [
            {
                "name": "media",
                "device": device,
                "addresses": [f"{ADDRESS}/16"],  # all peers are on the link; the generator answers
            },
            *extra_ports,
        ],
        "workers": {"control_core": control_cpu, "cores": [relay_cpu]},
        "memory": {
            "huge_pages": "require",
            "size_mib": 768,
            "mbufs_per_worker": 65536,
            "packet_cache_mib": packet_cache_mib,
        },
        "crypto": engine.configuration(),
        "dtls": {"handshake_timeout_ms": 120000},
        "ice": {"shared_port": SHARED_ICE_PORT, "consent_timeout_ms": 300000},
        "media": {"port_min": MEDIA_PORTS[0], "port_max": MEDIA_PORTS[1]},
        "limits": limits,
        "api": {"socket": socket, "line_bytes": 1048576},
        "log": {"level": "warning"},
    }
    for table, keys in (changes or {}).items():
        config.setdefault(table, {}).update(keys)
    return config


class Relay:
    """A context manager: a running sluiced that answers requests, until the end of the block."""

    def __init__(self, binary, config, directory, namespace=None):
        os.makedirs(directory, exist_ok=True)
        self.socket = config["api"]["socket"]
        self.log = os.path.join(directory, "sluiced.log")
        path = os.path.join(directory, "sluiced.toml")
        with open(path, "w") as file:
            file.write(toml_writer.dumps(config))
        # A worker needs its CPU for itself. On this machine CPUs may not be isolated, so sluiced gets the
        # highest priority.
        command = ["nice", "-n", "-20", binary, "--config", path]
        if namespace:
            command = ["ip", "netns", "exec", namespace, *command]
        with open(self.log, "wb") as log:
            self.process = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            go_first(self.process)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        self.rpc = Rpc(self.socket, 30)

    def _wait(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if self.process.poll() is not None:
                raise RelayError(f"sluiced ended with {self.process.returncode} at start: {self.tail()}")
            try:
                with Rpc(self.socket, 5) as rpc:
                    self.version = rpc.call("version")
                return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise RelayError(f"sluiced does not answer on {self.socket}: {self.tail()}")
            time.sleep(0.05)

    def tail(self):
        try:
            with open(self.log, errors="replace") as file:
                return "".join(file.readlines()[-15:]).strip()
        except OSError as error:
            return str(error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        end(self.process, 20)  # a relay with 50,000 endpoints ends each of them first

    def set_up(self, workload, progress=lambda text: None):
        """Makes the workload's sessions, endpoints and routes. Returns (the relay's "ip:port" of each
        endpoint, answers for the consent endpoints, endpoints made a second)."""
        progress(f"{len(workload.endpoints)} endpoints, {len(workload.receivers)} routes over the API")
        api.call_all(self.socket, plans.session_requests(workload))
        answers, seconds = api.call_all(self.socket, plans.endpoint_requests(workload))
        api.call_all(self.socket, plans.route_requests(workload))
        consent, _ = api.call_all(self.socket, plans.consent_requests(workload))
        return plans.relay_addresses(answers), consent, len(answers) / seconds if seconds else 0.0

    def mac(self, port=0):
        return self.rpc.call("port.list")["ports"][port]["mac"]

    def worker(self):
        return self.rpc.call("worker.list")["workers"][0]

    def drops(self):
        return {reason: count for reason, count in self.rpc.call("drop.list")["drops"].items() if count}

    def settled_worker(self, timeout_s=5.0):
        """Waits until the worker's counters no longer change, and returns them. Gives up after
        `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        before = self.worker()
        while True:
            time.sleep(0.1)
            now = self.worker()
            if now["received"] == before["received"] and now["transmitted"] == before["transmitted"]:
                return now
            if time.monotonic() > deadline:
                return now
            before = now

    def memory_bytes(self):
        """The resident memory, with huge pages."""
        total = 0
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith(("VmRSS:", "HugetlbPages:")):
                    total += int(line.split()[1]) * 1024
        return total

    def worker_waited_s(self):
        """Seconds for which the worker's thread was ready to run and another thread had its CPU."""
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            folder = f"/proc/{self.process.pid}/task/{task}"
            with open(f"{folder}/comm") as comm:
                if not comm.read().startswith("rte-worker"):
                    continue
            with open(f"{folder}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        raise RelayError("sluiced has no worker thread")

    def control_cpu_s(self):
        """CPU seconds of the control thread, which is the main thread of the process."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
