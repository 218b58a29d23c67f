"""A browser publishes and another one views, each in its namespace: every video codec that the browser
encodes, with Opus, on own UDP ports and on the shared one, in both DTLS roles. The browser's statistics, the
numbers in the pictures that it shows, and sluice's counts must agree."""

import sys

from harness import case, equal, eventually, main

from browser_call import CODECS, Call, LateViewer, Meeting
from lab.browser import Publisher


def check_counts(call, dropped_before):
    """After the publisher has stopped: what one side sent is what the next one got. Packets that came before
    the publisher's keys, and were dropped for that, are missing."""
    found = {}

    def agree():
        sent, got, drops = call.publisher.stats(), call.viewer.stats(), call.lab.drops()
        early = drops["no_keys"] - dropped_before["no_keys"]
        listed = call.lab.rpc.call("stream.list", session=call.session, endpoint="alice")["streams"]
        streams = {stream["ssrc"]: stream["packetCount"] for stream in listed}
        for codec, kind in ((call.codec, "video"), ("OPUS", "audio")):
            received = streams.get(sent[kind]["ssrc"], 0)
            found[f"{kind} from the publisher"] = sent[kind]["packetsSent"], received, early
            found[f"{kind} to the viewer"] = (
                call.viewer.route(codec)["packets"],
                got[kind]["packetsReceived"],
                0,
            )
        return all(0 <= out - into <= missing for out, into, missing in found.values())

    try:
        eventually(agree, 10, "the counts agree")
    except AssertionError:
        raise AssertionError(f"packets (sent, received, dropped as early): {found}") from None


def check_call(lab, codec, transport, setup):
    dropped_before = lab.drops()
    with Call(lab, codec, transport=transport, setup=setup) as call:
        call.shows()
        call.publisher.page.call("stop", call.publisher.name)
        check_counts(call, dropped_before)
        for party in (call.publisher, call.viewer):
            stats, endpoint = party.stats(), party.get()
            transport = stats["transport"]
            profile = endpoint["dtls"]["profile"].replace("AES_CM_128", "AES128_CM")
            equal(transport["srtpCipher"], f"SRTP_{profile}", "SRTP profile")
            equal(transport["dtlsRole"], "client" if setup == "passive" else "server", "DTLS role")
            equal(endpoint["authFailures"], 0, f"authentication failures of {party.id}")
            equal(stats["video"]["codec"], f"video/{codec}", f"{party.id}'s codec")
            equal(stats["audio"]["codec"].lower(), "audio/opus", f"{party.id}'s codec")
        check_viewer(call.viewer)
        last = stats["shown"]["last"]
        assert last <= call.publisher.stats()["painted"], f"picture {last} was never painted"


def check_viewer(viewer):
    """The viewer missed no packet, and showed its pictures in order and whole."""
    stats = viewer.stats()
    for kind in ("video", "audio"):
        equal(stats[kind]["packetsLost"], 0, f"{kind} packets that the viewer missed")
    shown = stats["shown"]
    equal((shown["backwards"], shown["unreadable"]), (0, 0), "pictures shown backwards, and unreadable ones")


for _codec in CODECS:
    for _transport in ("own", "shared"):
        for _setup in ("passive", "active"):

            def _check(lab, arguments=(_codec, _transport, _setup)):
                check_call(lab, *arguments)

            _check.__name__ = f"{_codec.lower()}_on_the_{_transport}_port_sluice_{_setup}"
            case(_check)


@case
def ipv6(lab):
    with Call(lab, family="ipv6") as call:
        call.shows()
        check_viewer(call.viewer)
        for party in call.parties:
            address = party.get()["remote"]["address"]
            assert ":" in address, f"{party.id} has the address {address}"


@case
def a_switch_shows_the_other_publisher(lab):
    with Call(lab) as call:
        call.shows()
        carol = call.add(Publisher, "carol", call.publisher.page, "VP8", number=30000)
        call.flows(carol)
        for codec, route in call.viewer.routes.items():
            source = {"endpoint": "carol", "mid": carol.media[codec]["mid"]}
            lab.rpc.call("route.switch", session=call.session, id=route, **{"from": source})
        eventually(
            lambda: call.viewer.stats()["shown"]["last"] > 30000, 20, "the viewer shows carol's pictures"
        )
        call.shows_more()
        check_viewer(call.viewer)


@case
def a_late_viewer_that_cannot_ask_gets_a_key_frame(lab):
    """sluice asks the publisher itself, once the viewer's keys are ready."""
    with LateViewer(lab) as call:
        call.shows()
        check_viewer(call.viewer)


@case
def two_participants_see_each_other(lab):
    with Meeting(lab) as call:
        for party in call.parties:
            call.shows(party)
        for party, least in zip(call.parties, (30000, 0)):
            check_viewer(party)
            last = party.stats()["shown"]["last"]
            assert least < last < least + 30000, f"{party.id} sees the wrong pictures: {last}"


@case
def an_ice_restart_goes_on(lab):
    with Call(lab) as call:
        call.shows()
        before = lab.drops()
        for party in (call.publisher, call.viewer):
            pair = party.stats()["transport"]["selectedCandidatePairId"]
            party.restart_ice()
            eventually(
                lambda: party.stats()["transport"]["selectedCandidatePairId"] != pair,
                20,
                f"{party.id} has another pair",
            )
            call.shows_more()
        check_viewer(call.viewer)
        for reason in ("no_remote", "wrong_source", "no_keys", "replayed", "auth_failed"):
            equal(lab.drops()[reason], before[reason], f"drops as {reason}")


@case
def a_transfer_brings_other_keys(lab):
    """Other connections of the pages take the places of the viewer's and then of the publisher's: with other
    certificates, credentials and addresses. The former ones hear goodbye."""
    with Call(lab) as call:
        call.shows()
        before = lab.drops()
        for party in (call.viewer, call.publisher):
            former = party.transfer()
            eventually(
                lambda: party.page.call("stats", former)["transport"]["dtlsState"] == "closed",
                15,
                f"the former connection of {party.id} is closed",
            )
            party.page.call("close", former)
            if party is call.viewer:
                call.shows()
            else:
                call.shows_more()
        equal(call.viewer.stats()["shown"]["unreadable"], 0, "unreadable pictures")
        for party in (call.publisher, call.viewer):
            equal(party.get()["state"], "flowing", f"state of {party.id}")
        for reason in ("no_keys", "replayed"):
            equal(lab.drops()[reason], before[reason], f"drops as {reason}")


@case
def a_removal_closes_the_browsers_dtls(lab):
    with Call(lab) as call:
        call.shows()
        call.remove_session()
        for party in call.parties:
            eventually(
                lambda: party.stats()["transport"]["dtlsState"] == "closed", 10, f"{party.id}'s DTLS ends"
            )


@case
def a_closed_page_removes_its_endpoint(lab):
    with Call(lab) as call:
        call.shows()
        for party in call.parties:
            party.close()
            event = lab.rpc.wait_event("endpoint.removed", 10, session=call.session, endpoint=party.id)
            equal(event["reason"], "closed_by_peer", "reason")


@case
def the_ledger_closes(lab):
    lab.ledger_balances()
    # What comes before a viewer is connected, and what comes while calls end.
    expected = ("not_for_us", "no_endpoint", "no_route", "no_remote", "no_keys", "receiver_not_ready")
    equal({name: n for name, n in lab.drops().items() if n and name not in expected}, {}, "other drops")


if __name__ == "__main__":
    sys.exit(main())
