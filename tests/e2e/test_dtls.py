"""ICE and DTLS with the lab's own client (libssl): what sluice does when a peer breaks the protocol or its
datagrams arrive out of order."""

import os
import socket
import sys
import time

from harness import case, equal, eventually, main

from lab import raw, stun
from lab.dtls import PROFILES, Certificate, Dtls, fragmented
from lab.ice_client import IceClient, random_text
from lab.netns import inside

SESSION = "dtls"
CERTIFICATE = Certificate()


class Caller:
    """A webrtc endpoint, and its client in the namespace `browser`."""

    _port = 7000

    def __init__(self, lab, id, setup="passive", transport="own", fingerprint=None, family="ipv4", **create):
        self.lab, self.id, self.setup = lab, id, setup
        room = lab.room(SESSION)
        namespace, address = room._address("browser", family)
        ufrag, password = random_text(8), random_text(32)
        self.endpoint = lab.rpc.call(
            "endpoint.create",
            session=SESSION,
            id=id,
            kind="webrtc",
            transport=transport,
            family=family,
            ice={"ufrag": ufrag, "password": password},
            dtls={
                "setup": setup,
                "fingerprints": [{"algorithm": "sha-256", "value": fingerprint or CERTIFICATE.fingerprint}],
            },
            **create,
        )
        Caller._port += 2
        candidate = self.endpoint["ice"]["candidates"][0]
        self.client = inside(
            namespace,
            IceClient,
            (address, Caller._port),
            (candidate["address"], candidate["port"]),
            socket.AF_INET6 if family == "ipv6" else socket.AF_INET,
            ufrag,
            password,
        )
        self.address = address

    def check(self, password=None, **options):
        ice = self.endpoint["ice"]
        return self.client.check(ice["ufrag"], password or ice["password"], **options)

    def connect(self, profiles=tuple(PROFILES)):
        answer = self.check()
        assert answer and answer["type"] == stun.BINDING_SUCCESS, f"no ICE success: {answer}"
        self.client.start_dtls(CERTIFICATE, profiles, self.setup == "active")
        assert self.client.handshake(10), f"DTLS handshake: {self.client.dtls.error or 'timed out'}"

    def state(self):
        return self.lab.rpc.call("endpoint.get", session=SESSION, id=self.id)

    def connected(self):
        eventually(lambda: self.state()["state"] in ("connected", "flowing"), 5, f"{self.id} connected")

    def remove(self):
        self.lab.rpc.call("endpoint.remove", session=SESSION, id=self.id, timeout_s=15)
        self.client.close()


@case
def binding_answers_are_complete(lab):
    caller = Caller(lab, "answers")
    answer = caller.check()
    equal(answer["type"], stun.BINDING_SUCCESS, "answer")
    equal(stun.mapped_address(answer), caller.client.socket.getsockname()[:2], "XOR-MAPPED-ADDRESS")
    assert stun.integrity_holds(
        answer["raw"], caller.endpoint["ice"]["password"]
    ), "MESSAGE-INTEGRITY is wrong"
    assert stun.fingerprint_holds(answer["raw"]), "FINGERPRINT is wrong"
    caller.remove()


@case
def wrong_stun_password_gets_no_success(lab):
    caller = Caller(lab, "password")
    answer = caller.check(password="wrong" * 6, timeout_s=1.2)
    assert (
        answer is None or answer["type"] == stun.BINDING_ERROR
    ), "a wrong password was answered with success"
    wrong_user = caller.client.check("stranger", caller.endpoint["ice"]["password"], timeout_s=0.8)
    assert (
        wrong_user is None or wrong_user["type"] == stun.BINDING_ERROR
    ), "a wrong user name was answered with success"
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), False)
    assert not caller.client.handshake(1.2), "DTLS was answered on a pair that STUN had not validated"
    equal(caller.state()["state"] in ("allocated", "connecting"), True, "the endpoint waits")
    caller.connect()  # the right fingerprint is still accepted
    caller.connected()
    caller.remove()


@case
def dtls_before_stun_is_not_answered(lab):
    caller = Caller(lab, "early")
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), False)
    caller.client.pump(lambda: False, 1.5)
    equal(
        [first for first, _ in caller.client.received if 20 <= first[0] <= 63], [], "DTLS answers before STUN"
    )
    answer = caller.check()
    equal(answer["type"], stun.BINDING_SUCCESS, "the check after it")
    assert caller.client.handshake(
        10
    ), f"handshake after the check: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    caller.remove()


@case
def wrong_fingerprint_is_an_alert_and_an_event(lab):
    for setup in ("passive", "active"):
        caller = Caller(lab, f"fingerprint-{setup}", setup, fingerprint=Certificate().fingerprint)
        equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
        caller.client.start_dtls(CERTIFICATE, list(PROFILES), setup == "active")
        caller.client.pump(lambda: caller.client.dtls.error or caller.client.dtls.closed_by_peer, 6)
        error = caller.client.dtls.error or ""
        assert (
            "alert" in error and "bad certificate" in error.lower()
        ), f"{setup}: expected an alert, got '{error}'"
        event = lab.rpc.wait_event("endpoint.failed", 5, session=SESSION, endpoint=caller.id)
        assert "fingerprint" in event["reason"], event
        view = caller.state()
        equal(view["state"], "failed", "state")
        assert "fingerprint" in view["reason"], view["reason"]
        caller.remove()


@case
def role_conflict_is_answered_with_487(lab):
    caller = Caller(lab, "conflict")
    answer = caller.check(controlling=False)
    equal(answer["type"], stun.BINDING_ERROR, "the answer to a peer that says it is controlled")
    equal(stun.error_code(answer), 487, "error code")
    caller.remove()


@case
def fragmented_client_hello(lab):
    """The client's flight arrives in fragments, out of order and one of them twice. sluice answers in
    datagrams within the MTU."""
    caller = Caller(lab, "fragments")
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
    caller.client.dtls = Dtls(CERTIFICATE, list(PROFILES), False)
    caller.client.dtls.start()
    pieces = fragmented(caller.client.dtls.take_datagrams()[0], 60)
    assert len(pieces) >= 3, f"the ClientHello is short: {len(pieces)} pieces"
    for piece in (pieces[1], pieces[0], pieces[1], *pieces[2:]):
        caller.client.send(piece)
    assert caller.client.handshake(10), f"handshake: {caller.client.dtls.error or 'timed out'}"
    sizes = [size for first, size in caller.client.received if 20 <= first[0] <= 63]
    assert max(sizes) <= 1200, f"handshake datagrams of {max(sizes)} bytes, [dtls] mtu is 1200"
    caller.connected()
    caller.remove()


@case
def lost_flights_are_repeated(lab):
    """The first datagrams of both sides are lost."""
    caller = Caller(lab, "lossy")
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
    caller.client.dtls = Dtls(CERTIFICATE, list(PROFILES), False)
    caller.client.dtls.start()
    assert caller.client.dtls.take_datagrams(), "no first flight"  # taken but not sent: lost
    while not caller.client.dtls.take_datagrams():
        time.sleep(0.1)
        caller.client.dtls.handle_timeout()
    caller.client.dtls.start()
    eventually(
        lambda: (caller.client.dtls.handle_timeout(), caller.client._flush(), caller.client.receive(0.2))[2],
        6,
        "an answer to the repeated ClientHello",
    )  # the answer is lost
    assert caller.client.handshake(12), f"handshake: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    caller.remove()


@case
def first_flight_of_sluice_is_repeated(lab):
    """sluice is active: its timer must retransmit its ClientHello."""
    caller = Caller(lab, "repeat", setup="active")
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
    hello = caller.client.receive(3)
    assert hello and hello[0] == 22, "no ClientHello"
    again = caller.client.receive(4)
    assert again and again[0] == 22, "the ClientHello was not repeated"
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), True)
    caller.client._feed(again)
    assert caller.client.handshake(10), f"handshake: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    caller.remove()


@case
def hello_from_another_address_does_not_harm(lab):
    """CVE-2023-51443: an attacker's ClientHello arrives before the peer's."""
    caller = Caller(lab, "race")
    namespace, address = lab.room(SESSION)._address("stranger", "ipv4")
    stranger = inside(namespace, IceClient, (address, 9000), caller.client.remote)
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
    stranger.start_dtls(Certificate(), list(PROFILES), False)
    stranger.pump(lambda: False, 0.6)
    equal(stranger.received, [], "what the stranger was told")
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), False)
    assert caller.client.handshake(10), f"handshake: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    stranger.close()
    caller.remove()


@case
def truncated_dtls_and_stun_at_each_length(lab):
    caller = Caller(lab, "truncated")
    request = stun.binding_request(
        f"{caller.endpoint['ice']['ufrag']}:{caller.client.ufrag}", caller.endpoint["ice"]["password"]
    )
    for length in range(len(request)):
        caller.client.send(request[:length])
    got = caller.client.receive(0.5)
    assert (
        got is None or stun.parse(got)["type"] != stun.BINDING_SUCCESS
    ), "a truncated request was answered with success"
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the whole request")
    probe = Dtls(CERTIFICATE, list(PROFILES), False)
    probe.start()
    hello = probe.take_datagrams()[0]
    for length in range(1, len(hello)):
        caller.client.send(hello[:length])
    while caller.client.receive(0.3):
        pass
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), False)
    assert caller.client.handshake(10), f"handshake after all that: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    caller.remove()


@case
def rtp_before_keys_is_counted_and_dropped(lab):
    caller = Caller(lab, "hasty")
    equal(caller.check()["type"], stun.BINDING_SUCCESS, "the check")
    before = lab.drops()
    for number in range(10):
        caller.client.send(raw.rtp(1, number, number, 96))
    eventually(lambda: lab.drops()["no_keys"] - before["no_keys"] == 10, 3, "10 packets dropped as no_keys")
    caller.client.start_dtls(CERTIFICATE, list(PROFILES), False)
    assert caller.client.handshake(10), f"handshake: {caller.client.dtls.error or 'timed out'}"
    caller.connected()
    # Forged media: no key authenticates it.
    for number in range(10):
        caller.client.send(raw.rtp(1, number, number, 96, os.urandom(60)))
    eventually(lambda: caller.state()["authFailures"] == 10, 3, "10 authentication failures")
    equal(lab.drops()["auth_failed"] - before["auth_failed"], 10, "drops as auth_failed")
    equal(
        lab.rpc.list("stream.list", session=SESSION, endpoint="hasty"),
        [],
        "streams born of forgeries",
    )
    caller.remove()


@case
def profile_preference_is_sluices(lab):
    for offered, expected in (
        (["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"], "AEAD_AES_128_GCM"),
        (["AES_CM_128_HMAC_SHA1_32"], "AES_CM_128_HMAC_SHA1_32"),
    ):
        caller = Caller(lab, f"prefers-{len(offered)}", transport="shared")
        caller.connect(offered)
        caller.connected()
        equal(caller.client.dtls.profile(), expected, "negotiated profile")
        equal(caller.state()["dtls"]["profile"], expected, "profile in the API")
        caller.remove()


@case
def removal_says_close_notify(lab):
    for transport, setup, family in (
        ("own", "passive", "ipv4"),
        ("shared", "active", "ipv4"),
        ("own", "passive", "ipv6"),
    ):
        caller = Caller(lab, f"bye-{transport}-{family}", setup, transport, family=family)
        caller.connect()
        caller.connected()
        lab.rpc.call("endpoint.remove", session=SESSION, id=caller.id, timeout_s=15)
        assert caller.client.pump(
            lambda: caller.client.dtls.closed_by_peer, 3
        ), f"no close_notify ({transport})"
        event = lab.rpc.wait_event("endpoint.removed", 3, endpoint=caller.id)
        equal(event["reason"], "request", "reason")
        caller.client.close()


@case
def peers_close_notify_ends_the_endpoint(lab):
    caller = Caller(lab, "leaver")
    caller.connect()
    caller.connected()
    caller.client.dtls.close()
    caller.client._flush()
    event = lab.rpc.wait_event("endpoint.removed", 5, endpoint="leaver")
    equal(event["reason"], "closed_by_peer", "reason")
    caller.client.close()


if __name__ == "__main__":
    sys.exit(main())
