"""The program of scripts/demo: a room with publishers and receivers of every endpoint kind, real media,
switches of source, and a verdict.

    alice  webrtc  ->  alice-sdes, alice-rtp
    bob    sdes    ->  bob-webrtc, bob-rtp
    carol  rtp     ->  carol-webrtc, carol-sdes
    bob or carol   ->  switch-sdes (a strict SRTP receiver), switch-webrtc

bob and carol send with the same SSRCs, 1000 and 1001, and unrelated sequence numbers and timestamps.
"""

import argparse
import json
import os
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "demo")]
from lab import daemon as daemons  # noqa: E402
from lab.calls import Room  # noqa: E402
from lab.netns import LabError, Net  # noqa: E402
from lab.rpc import RpcError  # noqa: E402
from table import Table  # noqa: E402
from verdict import judge  # noqa: E402

SWITCH_EVERY_S = 4
STARTED = time.monotonic()

PUBLISHERS = [
    {
        "id": "alice",
        "kind": "webrtc",
        "send": {
            "VP8": {"pt": 96, "ssrc": 0xA11CE, "color": "green"},
            "OPUS": {"pt": 111, "ssrc": 0xA11CF, "frequency": 330},
        },
    },
    {
        "id": "bob",
        "kind": "sdes",
        "profile": "AES_CM_128_HMAC_SHA1_80",
        "send": {
            "VP8": {"pt": 96, "ssrc": 1000, "sequence": 65500, "timestamp": 4294900000, "color": "blue"},
            "OPUS": {"pt": 111, "ssrc": 1001, "sequence": 65400, "timestamp": 5, "frequency": 440},
        },
    },
    {
        "id": "carol",
        "kind": "rtp",
        "send": {
            "VP8": {"pt": 97, "ssrc": 1000, "sequence": 12345, "timestamp": 777, "color": "red"},
            "OPUS": {"pt": 110, "ssrc": 1001, "sequence": 4, "timestamp": 3000000000, "frequency": 550},
        },
    },
]
RECEIVERS = [
    {"id": "alice-sdes", "kind": "sdes", "profile": "AEAD_AES_128_GCM"},
    {"id": "alice-rtp", "kind": "rtp"},
    {"id": "bob-webrtc", "kind": "webrtc"},
    {"id": "bob-rtp", "kind": "rtp", "family": "ipv6", "rtcp_mux": True},
    {"id": "carol-webrtc", "kind": "webrtc", "setup": "active", "transport": "shared"},
    {"id": "carol-sdes", "kind": "sdes", "profile": "AEAD_AES_256_GCM", "family": "ipv6"},
    {"id": "switch-sdes", "kind": "sdes", "profile": "AES_CM_128_HMAC_SHA1_32", "rtcp_mux": True},
    {"id": "switch-webrtc", "kind": "webrtc"},
]


def say(text):
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


def receiver_spec(number, spec):
    """Gives each receiver other SSRCs and payload types than the publisher has, so that every route
    rewrites them."""
    return spec | {
        "receive": {
            "VP8": {"pt": 100 + number % 4, "ssrc": 7000 + 10 * number},
            "OPUS": {"pt": 105 + number % 4, "ssrc": 7001 + 10 * number},
        }
    }


class Demo:
    def __init__(self, options, net):
        self.options, self.net = options, net
        self.interrupted = False
        self.room = self.daemon = self.rpc = None
        self.on_air = {}  # route id -> publisher that feeds it

    def start_daemon(self):
        path = os.path.join(ROOT, "tests", "demo", "demo.toml")
        if self.options.port != "tap":
            config = daemons.load_config(path)
            config["ports"][0]["device"] = daemons.DEVICES[self.options.port]
            path = daemons.write_config(os.path.join(self.options.logs, "demo.toml"), config)
        binary = os.path.join(self.options.build, "controlplane", "sluiced")
        log = os.path.join(self.options.logs, "sluiced.log")
        open(log, "w").close()
        self.daemon = daemons.Daemon(self.net, binary, path, log, self.options.port)
        self.rpc = self.daemon.rpc()
        version = self.rpc.call("version")
        say(
            f"sluiced {version.get('sluice')} is up: {version.get('dpdk')}, engine {version.get('engine')}, "
            f"{len(version.get('profiles', []))} SRTP profiles"
        )

    def place_calls(self):
        self.room = Room(self.net, self.rpc, "demo", self.options.logs)
        receivers = [receiver_spec(number, spec) for number, spec in enumerate(RECEIVERS)]
        parties = self.room.parties
        # All receivers are ready before media flows, so no packet is dropped at the start.
        self.room.add_all(receivers + PUBLISHERS)
        for party in list(parties.values()):
            if party.receive:
                name = party.id.split("-")[0]
                self.set_source(party, parties["bob" if name == "switch" else name], first=True)

    def set_source(self, receiver, publisher, first=False):
        for codec in receiver.receive:
            if first:
                later = [party for party in self.room.parties.values() if party.id in ("bob", "carol")]
                self.room.route(publisher, receiver, codec, later if receiver.id.startswith("switch") else ())
            else:
                self.room.switch(publisher, receiver, codec)
            self.on_air[receiver.routes[codec]] = publisher.id

    def run(self):
        parties = self.room.parties
        publishers = [party for party in parties.values() if party.send]
        switching = [party for party in parties.values() if party.id.startswith("switch")]
        self.room.start(*publishers)
        table = Table(self.rpc, self.room.session, self.on_air, sys.stdout.isatty())
        begun = time.monotonic()
        seconds = self.options.seconds
        next_switch = min(SWITCH_EVERY_S, seconds / 2)
        turn = 0
        while not self.interrupted:
            elapsed = time.monotonic() - begun
            if elapsed >= seconds and not self.options.stay:
                break
            if elapsed >= next_switch and (self.options.stay or elapsed < seconds - 1.5):
                turn += 1
                source = parties["carol" if turn % 2 else "bob"]
                for receiver in switching:
                    self.set_source(receiver, source)
                table.note(
                    f"switch {turn}: {', '.join(r.id for r in switching)} now get {source.id} "
                    "(SSRC 1000, 1001)"
                )
                next_switch = elapsed + SWITCH_EVERY_S
            self.check_alive()
            table.draw(elapsed, None if self.options.stay else seconds)
            time.sleep(max(0.05, 1 - (time.monotonic() - begun) % 1))
        table.end()
        say("publishers stop; the last packets arrive")
        self.room.stop(*publishers)
        time.sleep(1.2)

    def check_alive(self):
        if not self.daemon.alive():
            raise LabError(
                f"sluiced ended with {self.daemon.process.returncode}:\n{daemons.tail(self.daemon.log_path)}"
            )
        for party in self.room.parties.values():
            if party.peer.process.poll() is not None:
                raise LabError(
                    f"peer {party.id} ended: {party.peer.error() or 'no reason given'}; "
                    f"log: {party.peer.log_path}"
                )

    def print_hints(self):
        ctl = (
            f"sudo {os.path.relpath(os.path.join(self.options.build, 'controlplane', 'sluicectl'))} "
            f"--socket {self.daemon.socket}"
        )
        print("\nIt stays until Ctrl-C. To look around, in another terminal:\n")
        for words in (
            "session list",
            "endpoint list",
            "stream list",
            "route list --session demo",
            "worker list",
            "drop list",
            "port list",
            "version",
            "events",
        ):
            print(f"  {ctl} {words}")
        print(f"  sudo ip netns exec {self.net.peers['bob']} tcpdump -ni media0\n")

    def close(self):
        if self.room:
            self.room.close()
        if self.daemon:
            self.daemon.kill()


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Real media through sluice, with a verdict."
    )
    parser.add_argument(
        "--seconds", type=float, default=20, metavar="N", help="how long media flows (default 20, least 6)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    parser.add_argument("--stay", action="store_true", help="keep it running until Ctrl-C")
    parser.add_argument(
        "--port",
        choices=sorted(daemons.DEVICES),
        default="tap",
        help="DPDK's port: a TAP (default) or " "packet sockets on a veth pair",
    )
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # checks the arguments only
    options = parser.parse_args(arguments)
    if not 6 <= options.seconds <= 86400:
        parser.error(f"--seconds {options.seconds:g}: allowed are 6 to 86400")
    options.logs = os.path.join(ROOT, "build", "demo-logs")
    return options


def main():
    options = parse(sys.argv[1:])
    os.makedirs(options.logs, exist_ok=True)
    if options.check:
        return 0
    if options.json:
        open(options.json, "w").close()  # fails now, not after the run
    result = None
    step = "network namespaces"
    with Net() as net:
        demo = Demo(options, net)

        def interrupt(*_):
            if demo.interrupted:
                sys.exit(130)
            demo.interrupted = True

        try:
            step = "starting sluiced"
            say("network namespaces; starting sluiced")
            demo.start_daemon()
            step = "placing the calls"
            say(f"placing calls: {len(PUBLISHERS)} publishers, {len(RECEIVERS)} receivers")
            demo.place_calls()
            signal.signal(signal.SIGINT, interrupt)
            say("all connected; media flows")
            if options.stay:
                demo.print_hints()
            step = "running"
            demo.run()
            step = "the verdict"
            result, problems = judge(demo)
        except (LabError, RpcError, OSError, LookupError) as error:
            print(f"\ndemo: failed while {step}: {error}", file=sys.stderr)
            if demo.daemon is not None and not demo.daemon.alive():
                print(
                    f"sluiced ended with {demo.daemon.process.returncode}; the end of its log:\n"
                    f"{daemons.tail(demo.daemon.log_path)}",
                    file=sys.stderr,
                )
            print(f"logs: {options.logs}", file=sys.stderr)
            return 1
        finally:
            demo.close()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    print()
    for endpoint in result["endpoints"]:
        print(
            f"  {endpoint['id']:<14} {endpoint['kind']:<7} {endpoint['codec']:<5} "
            f"{endpoint['framesDecoded']:>6} frames decoded"
        )
    print(
        f"\n  packets received {result['packetsReceived']}, sent {result['packetsSent']}, "
        f"lost {result['packetsLost']}; "
        f"authentication failures {result['authFailures']}; switches {result['switches']}; "
        f"discontinuities at receivers {result['receiverDiscontinuities']}; "
        f"ledger {'balanced' if result['ledgerBalanced'] else 'NOT balanced'}"
    )
    for problem in problems:
        print(f"  problem: {problem}")
    print(f"\ndemo: {'OK' if result['ok'] else 'FAILED'}   (logs: {os.path.relpath(options.logs)})")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
