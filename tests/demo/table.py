"""The live table of the demo: one line per stream, from stream.list and route.list. On a terminal it is
redrawn in place, elsewhere it is printed as plain lines."""

import shutil


def bit_rate(value):
    return f"{value / 1e6:.2f} Mb/s" if value >= 1e6 else f"{value / 1e3:.0f} kb/s"


class Table:
    def __init__(self, rpc, session, on_air, is_terminal):
        self.rpc, self.session, self.on_air, self.is_terminal = rpc, session, on_air, is_terminal
        self._drawn = 0
        self._route_packets = {}
        self._out = {}  # (endpoint, payload types) of a publisher -> packets that routes sent from it
        self._notes = []

    def note(self, text):
        if self.is_terminal:
            self._notes = (self._notes + [text])[-3:]
        else:
            print(f"  {text}", flush=True)

    def _attribute(self, routes):
        fed = {}
        for route in routes:
            grown = route["packets"] - self._route_packets.get(route["id"], 0)
            self._route_packets[route["id"]] = route["packets"]
            key = (route["from"]["endpoint"], tuple(route["from"].get("payloadTypes", ())))
            self._out[key] = self._out.get(key, 0) + grown
            fed.setdefault(key, []).append(route["to"])
        return fed

    def draw(self, elapsed, seconds):
        streams = self.rpc.list("stream.list", session=self.session)
        fed = self._attribute(self.rpc.list("route.list", session=self.session))
        header = f"{'stream':<16}{'ssrc':>9}{'in':>9}{'out':>9}{'lost':>6}{'bit rate':>11}   goes to"
        lines = []
        for stream in sorted(streams, key=lambda item: (item["endpoint"], item["ssrc"])):
            key = next(
                (
                    key
                    for key in self._out
                    if key[0] == stream["endpoint"] and stream["payloadType"] in key[1]
                ),
                None,
            )
            if key is None:
                continue  # a receiver's stream, which has RTCP only
            lines.append(
                f"{stream['endpoint'] + ' pt ' + str(stream['payloadType']):<16}{stream['ssrc']:>9}"
                f"{stream['packetCount']:>9}{self._out[key]:>9}{stream['packetsLost']:>6}"
                f"{bit_rate(stream['bitrate']):>11}   {', '.join(fed.get(key, []))}"
            )
        clock = f"{elapsed:.0f} s" + (f" of {seconds:.0f}" if seconds else "")
        if not self.is_terminal:
            print(f"-- {clock}\n{header}", *lines, sep="\n", flush=True)
            return
        width = shutil.get_terminal_size().columns - 1
        output = [
            f"\033[1m{header[:width]}\033[0m",
            *(line[:width] for line in lines),
            "",
            *(f"\033[2m{note[:width]}\033[0m" for note in self._notes),
            f"{clock}",
        ]
        up = f"\033[{self._drawn}A\033[J" if self._drawn else ""
        print(up + "\n".join(output), flush=True)
        self._drawn = len(output)

    def end(self):
        self._drawn = 0
