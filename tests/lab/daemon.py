"""sluiced as a process in the relay namespace of a Net, and its configuration."""

import copy
import os
import signal
import subprocess
import time
import tomllib

from . import toml_writer
from .netns import LabError, RELAY_DEVICE
from .rpc import Rpc

DEVICES = {"tap": f"net_tap0,iface={RELAY_DEVICE}", "af_packet": f"net_af_packet0,iface={RELAY_DEVICE}"}


def load_config(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def merged(config, changes):
    """A copy of `config` with `changes`. A table replaces only the keys that it has; None removes a key."""
    result = copy.deepcopy(config)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = copy.deepcopy(value)
    return result


def tail(path, lines=25):
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError as error:
        return f"({error})"


class Daemon:
    """Starts sluiced with a configuration file and waits until it answers."""

    def __init__(self, net, binary, config_path, log_path, device="tap", start_timeout_s=60):
        self.net, self.log_path, self.device = net, log_path, device
        self.config = load_config(config_path)
        self.socket = self.config["api"]["socket"]
        os.makedirs(os.path.dirname(self.socket), exist_ok=True)
        if device == "af_packet":
            net.add_relay_veth()
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", net.relay, binary, "--config", config_path],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_ready(start_timeout_s)
        except Exception:
            self.kill()
            raise

    def _wait_ready(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        if self.device == "tap":
            self.net.attach_tap(self.alive, timeout_s)
        while True:
            if not self.alive():
                raise LabError(
                    f"sluiced ended with {self.process.returncode} at start:\n{tail(self.log_path)}"
                )
            try:
                with Rpc(self.socket, 5) as rpc:
                    rpc.call("version")
                break
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise LabError(
                    f"sluiced does not answer on {self.socket} after {timeout_s} s:\n{tail(self.log_path)}"
                )
            time.sleep(0.05)
        if self.device == "tap":
            self.net.bridge_tap()

    def alive(self):
        return self.process.poll() is None

    def rpc(self, timeout_s=10.0):
        return Rpc(self.socket, timeout_s)

    def terminate(self, timeout_s=15):
        """Sends SIGTERM and returns the exit code. If sluiced does not end in time, kills it and raises
        LabError."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(
                f"sluiced did not end within {timeout_s} s of SIGTERM:\n{tail(self.log_path)}"
            ) from None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()


def write_config(path, config):
    with open(path, "w") as file:
        file.write(toml_writer.dumps(config))
    return path
