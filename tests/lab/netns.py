"""Network namespaces: one for sluiced, with a bridge, and one for each peer, connected to that bridge.

    relay namespace                              peer namespace
    sluiced = TAP or veth --- bridge ---- veth ======= media0 (198.18.x.y, 2001:db8::x:y)

Every run has its own names, so that runs may overlap. Each run keeps a note in STATE_DIR until it is cleaned
up; the next run removes what a dead run left behind. The bridge has no address: the kernel of the relay
namespace forwards frames and sends none.
"""

import atexit
import ctypes
import glob
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

STATE_DIR = "/run/sluice-lab"
PEER_DEVICE = "media0"
RELAY_DEVICE = "sluice0"  # the name that the daemon's [[ports]] device uses
BRIDGE = "bridge0"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A part of the lab failed, not sluice. The text has the command and its output."""


def run(*command, check=True, timeout=20):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise LabError(
            f"'{' '.join(command)}' failed ({done.returncode}): {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def process_start_time(pid):
    """The start time in clock ticks after boot, or None when there is no such process. pid and start time
    together identify a process, even when the pid is reused."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def remove_namespace(name):
    """Kills the processes that still run in the namespace (all are the lab's), then removes it."""
    for pid in run("ip", "netns", "pids", name, check=False).split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except (ProcessLookupError, ValueError):
            pass
    run("ip", "netns", "del", name, check=False)


def remove_dead_runs():
    """Removes the namespaces of runs whose process is gone. Returns their names."""
    removed = []
    try:
        notes = os.listdir(STATE_DIR)
    except FileNotFoundError:
        return removed
    for note in notes:
        if "." in note:
            continue  # a socket, or its lock with a number in it
        path = os.path.join(STATE_DIR, note)
        try:
            with open(path) as file:
                state = json.load(file)
        except (OSError, ValueError):
            continue  # not completely written yet, or removed
        if process_start_time(state["pid"]) == state["started"]:
            continue
        existing = {line.split()[0] for line in run("ip", "netns", "list", check=False).splitlines() if line}
        for name in state["namespaces"]:
            if name in existing:
                remove_namespace(name)
                removed.append(name)
        remove_files(note)
    return removed


def remove_files(run_id):
    """Removes a run's note and other files of its name, such as the socket of a daemon that was killed."""
    for path in glob.glob(os.path.join(STATE_DIR, run_id) + "*"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


class Net:
    """The namespaces of one run. A context manager; also cleans up at exit and at SIGTERM, SIGINT and
    SIGHUP."""

    def __init__(self, ipv6=True):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root: run with sudo")
        remove_dead_runs()
        self.run_id = f"{os.getpid():x}-{int(time.time() * 1000) & 0xfff:x}"
        self.relay = f"sluice-{self.run_id}-relay"
        self.ipv6 = ipv6
        self.peers = {}  # name -> namespace
        self.bridge_ends = {}  # name -> the bridge's end of the peer's media0
        self.namespaces = []
        self._note = os.path.join(STATE_DIR, self.run_id)
        self._closed = False
        os.makedirs(STATE_DIR, mode=0o700, exist_ok=True)
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, lambda received, _frame: sys.exit(128 + received))
        try:
            self._make_relay()
        except Exception:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _add(self, name):
        self.namespaces.append(name)
        partial = self._note + ".new"
        with open(partial, "w") as file:
            json.dump(
                {
                    "pid": os.getpid(),
                    "started": process_start_time(os.getpid()),
                    "namespaces": self.namespaces,
                },
                file,
            )
        os.replace(partial, self._note)
        run("ip", "netns", "add", name)

    def _sysctl(self, namespace, key, value):
        run("ip", "netns", "exec", namespace, "sysctl", "-q", "-w", f"{key}={value}")

    def _make_relay(self):
        self._add(self.relay)
        in_relay = ("ip", "-n", self.relay)
        if not self.ipv6:
            self._sysctl(self.relay, "net.ipv6.conf.all.disable_ipv6", 1)
            self._sysctl(self.relay, "net.ipv6.conf.default.disable_ipv6", 1)
        else:
            # New interfaces get no link-local address, so that the kernel sends nothing with sluice's MAC.
            self._sysctl(self.relay, "net.ipv6.conf.default.disable_ipv6", 1)
        run(*in_relay, "link", "set", "lo", "up")
        run(*in_relay, "link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
        # Bridged packets must bypass the host's firewall, which could drop them.
        for family in ("arptables", "iptables", "ip6tables"):
            run(
                "ip",
                "netns",
                "exec",
                self.relay,
                "sysctl",
                "-q",
                "-w",
                f"net.bridge.bridge-nf-call-{family}=0",
                check=False,
            )
        run(*in_relay, "link", "set", BRIDGE, "up")

    def add_peer(self, name, ipv4, ipv6=None):
        """Makes a namespace with the device media0 on the bridge, and returns its name. Addresses have a
        prefix length."""
        if not re.fullmatch(r"[a-z0-9-]{1,24}", name):
            raise LabError(f"peer name '{name}': allowed are 1 to 24 characters of a-z, 0-9 and '-'")
        namespace = f"sluice-{self.run_id}-{name}"
        self._add(namespace)
        bridge_end = self.bridge_ends[name] = f"peer{len(self.peers)}"
        run(
            "ip",
            "-n",
            self.relay,
            "link",
            "add",
            bridge_end,
            "type",
            "veth",
            "peer",
            "name",
            PEER_DEVICE,
            "netns",
            namespace,
        )
        # By default veth leaves UDP checksums to a NIC, and there is none. Let the kernel compute them.
        run("ip", "netns", "exec", namespace, "ethtool", "-K", PEER_DEVICE, "tx", "off", check=False)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", namespace, "addr", "add", ipv4, "dev", PEER_DEVICE)
        run("ip", "-n", namespace, "link", "set", PEER_DEVICE, "up")
        if ipv6 and self.ipv6:
            run("ip", "-n", namespace, "addr", "add", ipv6, "dev", PEER_DEVICE, "nodad")
        run("ip", "-n", self.relay, "link", "set", bridge_end, "master", BRIDGE, "up")
        self.peers[name] = namespace
        return namespace

    def add_relay_veth(self):
        """Makes a veth pair for the net_af_packet device: one end for the daemon, without the kernel's IPv6,
        the other on the bridge. The next daemon uses the same pair."""
        if run("ip", "-n", self.relay, "-o", "link", "show", "dev", RELAY_DEVICE, check=False).strip():
            return
        run("ip", "-n", self.relay, "link", "add", RELAY_DEVICE, "type", "veth", "peer", "name", "relay0")
        for device in (RELAY_DEVICE, "relay0"):
            run(
                "ip",
                "netns",
                "exec",
                self.relay,
                "ethtool",
                "-K",
                device,
                "tx",
                "off",
                "gro",
                "off",
                check=False,
            )
        run("ip", "-n", self.relay, "link", "set", RELAY_DEVICE, "promisc", "on", "up")
        run("ip", "-n", self.relay, "link", "set", "relay0", "master", BRIDGE, "up")

    def attach_tap(self, is_alive, timeout_s=60):
        """For the net_tap device: waits until the daemon has made its TAP, and puts the kernel's end on the
        bridge.

        DPDK gives the kernel's end the MAC of its port. A bridge does not forward frames to the MAC of one of
        its devices, so the kernel's end gets another MAC first.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if run("ip", "-n", self.relay, "-o", "link", "show", "dev", RELAY_DEVICE, check=False).strip():
                break
            if not is_alive():
                raise LabError("sluiced ended before it made its TAP device")
            if time.monotonic() > deadline:
                raise LabError(f"sluiced made no TAP device '{RELAY_DEVICE}' within {timeout_s} s")
            time.sleep(0.05)

    def bridge_tap(self):
        run("ip", "-n", self.relay, "link", "set", RELAY_DEVICE, "address", "02:00:00:00:fe:01")
        run("ip", "-n", self.relay, "link", "set", RELAY_DEVICE, "master", BRIDGE, "up")

    def close(self):
        if self._closed:
            return
        self._closed = True
        for name in reversed(self.namespaces):
            remove_namespace(name)
        remove_files(self.run_id)


def inside(namespace, function, *arguments):
    """Runs function(*arguments) in a thread inside the namespace, and returns its result. A socket made there
    stays in the namespace, and every thread may use it."""
    result = []

    def work():
        try:
            with open(f"/run/netns/{namespace}") as file:
                if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns to {namespace}")
            result.append((function(*arguments), None))
        except BaseException as error:  # raised again in the caller's thread
            result.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value
