"""Random loss of datagrams on the way to or from a peer, by nftables. Needs Debian's package `nftables`."""

import json
import shutil

from .netns import LabError, run


def installed():
    return shutil.which("nft") is not None


class Loss:
    """Drops `percent` of the UDP datagrams to, or from, the peer of that name; with `rtcp` only of those with
    RTCP. A context manager."""

    def __init__(self, net, peer, percent, direction="to", rtcp=False):
        if direction == "to":
            namespace, family, hook = net.peers[peer], "inet", "input"
        else:
            # At the bridge: the peer's own kernel would tell the sender of a drop on output.
            namespace, family = net.relay, "netdev"
            hook = f"ingress device {net.bridge_ends[peer]}"
        self._nft, self._table = ("ip", "netns", "exec", namespace, "nft"), (family, f"loss-{peer}")
        what = "meta l4proto udp" + (
            " @th,72,8 192-223" if rtcp else ""
        )  # the payload's second byte: RFC 5761
        share = f"numgen random mod 1000 < {round(percent * 10)}" if percent < 100 else ""
        rule = f"{what} {share} counter drop"
        chain = f"type filter hook {hook} priority 0; policy accept; {rule};"
        run(*self._nft, f"table {' '.join(self._table)} {{ chain lossy {{ {chain} }}; }}")

    def dropped(self):
        """The number of datagrams that were dropped."""
        ruleset = json.loads(run(*self._nft, "-j", "list", "table", *self._table))["nftables"]
        for item in ruleset:
            for part in item.get("rule", {}).get("expr", ()):
                if "counter" in part:
                    return part["counter"]["packets"]
        raise LabError(f"nft shows no counter: {ruleset}")

    def close(self):
        run(*self._nft, "delete", "table", *self._table, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
