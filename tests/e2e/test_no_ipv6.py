"""A host without IPv6 (disable_ipv6=1): sluice runs with IPv4, and an explicit IPv6 address in the
configuration is an error that names the key."""

import sys
import time

from harness import case, check_continuous, equal, main, wait_frames

ADDRESSES = {"ports": [{"name": "lab", "device": "net_tap0,iface=sluice0", "addresses": ["198.18.0.1/16"]}]}


@case
def explicit_ipv6_address_names_the_key(lab):
    for ports in (
        [{**lab.config["ports"][0], "addresses": ["198.18.0.1/16", "2001:db8::1/64"]}],
        [{**lab.config["ports"][0], "gateway6": "2001:db8::ff"}],
    ):
        code, output = lab.run(config={"ports": ports})
        equal(code, 2, f"exit code ({output.strip()[-300:]})")
        key = "gateway6" if "gateway6" in ports[0] else "addresses"
        assert key in output and "2001:db8::" in output and "IPv6" in output, output
        assert "run.toml:" in output, f"no place in the file: {output}"


@case
def all_kinds_flow_on_ipv4(lab):
    room = lab.room("four")
    publisher, browser, plain = room.add_all(
        [
            {"id": "publisher", "kind": "sdes", "send": {"OPUS": {"pt": 111, "ssrc": 1001}}},
            {"id": "browser", "kind": "webrtc", "receive": {"OPUS": {"pt": 105, "ssrc": 7001}}},
            {"id": "plain", "kind": "rtp", "receive": {"OPUS": {"pt": 106, "ssrc": 7011}}},
        ]
    )
    for receiver in (browser, plain):
        room.route(publisher, receiver, "OPUS")
    room.start(publisher)
    for receiver in (browser, plain):
        wait_frames(receiver, "OPUS", 50)
    room.stop(publisher)
    time.sleep(0.5)
    for receiver in (browser, plain):
        check_continuous(receiver, "OPUS", receiver.peer.fresh_status())
    lab.ledger_balances()


@case
def ipv6_endpoint_is_refused_clearly(lab):
    from lab.rpc import RpcError

    try:
        lab.rpc.call("endpoint.create", session="four", kind="rtp", family="ipv6")
    except RpcError as error:
        equal(error.code, -32602, "code")
        assert "ipv6" in f"{error.message} {error.data}".lower(), error
    else:
        raise AssertionError("an IPv6 endpoint was created on a port without an IPv6 address")


@case
def orderly_end(lab):
    equal(lab.stop(), 0, "exit code")


if __name__ == "__main__":
    sys.exit(main(ADDRESSES, ipv6=False))
