"""A veth pair between two namespaces, with nothing else on it. The relay's end has an address and a default
route to the generator. The generator drives the other end itself.
"""

import json
import os

from lab.netns import remove_namespace, run

RELAY_IP = "198.18.0.1"
GATEWAY_IP = "198.18.0.254"
RELAY_DEVICE, GENERATOR_DEVICE = "relay0", "load0"


class Pair:
    """`kernel`: the relay uses kernel sockets and needs an address, a route and a neighbour. sluice drives
    the device itself, and the kernel must send nothing on it."""

    def __init__(self, kernel):
        tag = f"sluice-bench-{os.getpid():x}"
        self.relay, self.generator = f"{tag}-relay", f"{tag}-load"
        try:
            self._make(kernel)
        except BaseException:
            self.close()
            raise

    def _make(self, kernel):
        for namespace in (self.relay, self.generator):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            # The kernel must send no router solicitations and similar packets.
            for scope in ("all", "default"):
                run(
                    *("ip", "netns", "exec", namespace, "sysctl", "-q", "-w"),
                    f"net.ipv6.conf.{scope}.disable_ipv6=1",
                    check=False,
                )
        run(
            *("ip", "-n", self.relay, "link", "add", RELAY_DEVICE, "type", "veth"),
            *("peer", "name", GENERATOR_DEVICE, "netns", self.generator),
        )
        for namespace, device in ((self.relay, RELAY_DEVICE), (self.generator, GENERATOR_DEVICE)):
            # By default veth leaves checksums to a NIC. There is none, so the other end would get wrong
            # checksums.
            run(
                *("ip", "netns", "exec", namespace, "ethtool", "-K", device),
                *("tx", "off", "gro", "off", "gso", "off", "tso", "off"),
                check=False,
            )
            run("ip", "-n", namespace, "link", "set", device, "up", "txqueuelen", "10000")
        self.relay_mac = mac_of(self.relay, RELAY_DEVICE)
        self.generator_mac = mac_of(self.generator, GENERATOR_DEVICE)
        if kernel:
            run("ip", "-n", self.relay, "addr", "add", f"{RELAY_IP}/24", "dev", RELAY_DEVICE)
            run("ip", "-n", self.relay, "route", "add", "default", "via", GATEWAY_IP)
            run(
                *("ip", "-n", self.relay, "neigh", "replace", GATEWAY_IP, "lladdr", self.generator_mac),
                *("dev", RELAY_DEVICE, "nud", "permanent"),
            )

    def link(self):
        """The member `link` of a plan."""
        return {"mac": self.generator_mac, "relayMac": self.relay_mac, "vlan": 0}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for namespace in (self.relay, self.generator):
            remove_namespace(namespace)


def mac_of(namespace, device):
    return json.loads(run("ip", "-n", namespace, "-j", "link", "show", "dev", device))[0]["address"]
