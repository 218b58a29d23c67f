"""Loss on the way into a namespace, by nftables: a share of the datagrams, drawn at random. Needs Debian's
package `nftables`."""

import json
import shutil

from .netns import LabError, run

TABLE = "lab"


def installed():
    return shutil.which("nft") is not None


class Loss:
    """Drops `percent` of the UDP datagrams that come into the namespace. A context manager."""

    def __init__(self, namespace, percent):
        self._nft = ("ip", "netns", "exec", namespace, "nft")
        rule = f"meta l4proto udp numgen random mod 1000 < {round(percent * 10)} counter drop"
        hook = "type filter hook input priority 0; policy accept;"
        run(*self._nft, f"table inet {TABLE} {{ chain input {{ {hook} {rule}; }}; }}")

    def dropped(self):
        """The number of datagrams that were dropped."""
        ruleset = json.loads(run(*self._nft, "-j", "list", "table", "inet", TABLE))["nftables"]
        for item in ruleset:
            for part in item.get("rule", {}).get("expr", ()):
                if "counter" in part:
                    return part["counter"]["packets"]
        raise LabError(f"nft shows no counter: {ruleset}")

    def close(self):
        run(*self._nft, "delete", "table", "inet", TABLE, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
