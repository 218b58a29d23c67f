"""Calls as signalling drives them: sluice offers and the answer decides, a phone rings for long, re-INVITEs
bring keys and addresses, a call is transferred, held and resumed. The phones are raw sockets; behind a NAT
means that SDP names another address than the one that packets come from."""

import base64
import os
import sys
import threading
import time

from harness import case, equal, eventually, main
from lab import raw
from lab.srtp import KEY_BYTES, PROFILE, Srtp

LATCH_WINDOW_S = 1
PACE_S = 0.02
ATTEMPTS, ATTEMPTS_PER_S = 1200, 100
VOICE, DIGITS = 0, 101  # payload types
UNREACHABLE = "198.18.200.{}"  # private addresses in SDP, behind a NAT


def text(key):
    return base64.b64encode(key).decode()


class Phone:
    """A phone with one socket. `sends_with` and `hears_with` are the SRTP contexts of its two keys."""

    def __init__(self, lab, room, namespace, port, endpoint):
        where, address = room._address(namespace, "ipv4")
        local = (endpoint["local"]["address"], endpoint["local"]["rtpPort"])
        self.socket = raw.RawPeer(where, (address, port), local)
        self.address, self.port = address, port
        self.sends_with = self.hears_with = None

    @property
    def remote(self):
        return {"address": self.address, "rtpPort": self.port}

    def send(self, ssrc, number, payload_type=VOICE):
        packet = raw.rtp(ssrc, number, number * 160, payload_type, payload=number.to_bytes(4, "big") * 10)
        self.socket.send(self.sends_with.protect(packet) if self.sends_with else packet)

    def heard(self, timeout_s=0.3):
        """What came since the last call, decrypted: [(sequence, payload type, SSRC)]. None for a packet that
        does not authenticate."""
        packets = []
        while data := self.socket.receive_rtp(timeout_s):
            if self.hears_with:
                data = self.hears_with.unprotect(data)
            packets.append(
                data and (int.from_bytes(data[2:4], "big"), data[1] & 127, int.from_bytes(data[8:12], "big"))
            )
        return packets

    def close(self):
        self.socket.close()


def private(number):
    """What the SDP of a phone behind a NAT says."""
    return {"address": UNREACHABLE.format(number), "rtpPort": 4000}


def talk(phone, ssrc, numbers, payload_type=VOICE):
    for number in numbers:
        phone.send(ssrc, number, payload_type)
        time.sleep(PACE_S)


class Call:
    """A session with a plain far end that always listens: `far`."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.room = lab.room(name)
        self.phones = []
        self.far_endpoint = self.create("far", kind="rtp", remote=self.remote_of("far", 6000))
        self.far = self.phone("far", 6000, self.far_endpoint)

    def remote_of(self, namespace, port):
        return {"address": self.room._address(namespace, "ipv4")[1], "rtpPort": port}

    def create(self, id, **parameters):
        return self.lab.rpc.call("endpoint.create", session=self.name, id=id, **parameters)

    def connect(self, id, **parameters):
        return self.lab.rpc.call("endpoint.connect", session=self.name, id=id, **parameters)

    def get(self, id):
        return self.lab.rpc.call("endpoint.get", session=self.name, id=id)

    def phone(self, namespace, port, endpoint):
        phone = Phone(self.lab, self.room, namespace, port, endpoint)
        self.phones.append(phone)
        return phone

    def route(self, source, target, ssrc, types=None, **selector):
        self.lab.rpc.call(
            "route.create",
            session=self.name,
            **{"from": {"endpoint": source, **selector}},
            to=target,
            ssrc=ssrc,
            clockRate=8000,
            **({"payloadTypes": types} if types else {}),
        )

    def both_ways(self, id):
        self.route(id, "far", 7001)
        self.route("far", id, 7002)

    def reaches(self, phone, timeout_s=5):
        """Waits until the far end's media reaches the phone: ARP may take a while."""
        number = 0

        def try_once():
            nonlocal number
            number += 1
            self.far.send(8, number)
            return phone.heard(0.05)

        eventually(try_once, timeout_s, "media to the phone", every_s=0.02)

    def close(self):
        for phone in self.phones:
            phone.close()
        self.lab.rpc.call("session.remove", id=self.name, timeout_s=10)


def call(function):
    """A case that gets a Call of its name."""

    def run(lab):
        made = Call(lab, function.__name__.replace("_", "-")[:60])
        try:
            function(lab, made)
        finally:
            made.close()
        lab.ledger_balances()

    run.__name__ = function.__name__
    return case(run)


def offered(call, **parameters):
    """An sdes endpoint whose offer is out: neither the peer's key nor its address is known."""
    return call.create("phone", kind="sdes", profile=PROFILE, **parameters)


def answered(call, phone, endpoint, **parameters):
    """The answer: the peer's key, and where it is."""
    key = os.urandom(KEY_BYTES)
    phone.sends_with = Srtp(key)
    phone.hears_with = Srtp(base64.b64decode(endpoint["crypto"]["sendKey"]))
    return call.connect("phone", receiveKey=text(key), **{"remote": phone.remote, **parameters})


def in_sequence(packets, count):
    equal(len(packets), count, "packets heard")
    assert None not in packets, "a packet that does not authenticate"
    numbers = [sequence for sequence, _, _ in packets]
    steps = {(b - a) & 0xFFFF for a, b in zip(numbers, numbers[1:])}
    equal(steps, {1}, "steps of the sequence number")


@call
def sluice_offers_srtp_and_the_answer_brings_the_key(lab, call):
    endpoint = offered(call)
    equal(endpoint["crypto"]["receiveKey"], None, "the peer's key before the answer")
    phone = call.phone("left", 5000, endpoint)
    call.both_ways("phone")
    connected = answered(call, phone, endpoint)
    equal(connected["local"], endpoint["local"], "the port that was offered")
    call.reaches(phone)
    call.far.heard(0.05)
    talk(phone, 1, range(50))
    in_sequence(call.far.heard(), 50)
    equal(call.get("phone")["authFailures"], 0, "authentication failures")


@call
def an_answer_without_srtp_gets_plain_rtp(lab, call):
    endpoint = offered(call)
    phone = call.phone("left", 5002, endpoint)
    call.both_ways("phone")
    equal(call.connect("phone", kind="rtp", remote=phone.remote)["kind"], "rtp", "kind")
    call.reaches(phone)
    talk(phone, 1, range(20))
    in_sequence(call.far.heard(), 20)


@call
def an_answer_without_rtcp_mux_gets_rtcp_on_the_next_port(lab, call):
    endpoint = call.create("phone", kind="rtp", rtcpMux=True)
    local = endpoint["local"]
    equal(local["rtcpPort"], local["rtpPort"], "the offer")
    phone = call.phone("left", 5004, endpoint)
    where, address = call.room._address("left", "ipv4")
    rtcp = raw.RawPeer(where, (address, 5005), (local["address"], local["rtpPort"] + 1))
    call.route("far", "phone", 7002)
    connected = call.connect("phone", rtcpMux=False, remote=phone.remote)
    equal(connected["local"]["rtcpPort"], local["rtpPort"] + 1, "our RTCP port")
    call.reaches(phone)
    far_rtcp = call.far_endpoint["local"]["rtcpPort"]
    where_far, address_far = call.room._address("far", "ipv4")
    sender = raw.RawPeer(where_far, (address_far, 6001), (local["address"], far_rtcp))
    sender.send(raw.sender_report(8, 1 << 40, 160, 10, 400))
    assert rtcp.receive_rtcp(3, 200), "no sender report on the port above the RTP port"
    before = call.get("phone")["packetsReceived"]
    rtcp.send(raw.receiver_report(5))
    eventually(lambda: call.get("phone")["packetsReceived"] > before, 3, "RTCP from the phone is taken")
    sender.close()
    rtcp.close()


@call
def a_phone_behind_nat_that_rang_for_long_is_heard(lab, call):
    endpoint = call.create("phone", kind="rtp")
    phone = call.phone("left", 5006, endpoint)
    call.both_ways("phone")
    call.connect("phone", remote=private(1))  # 180 with SDP
    time.sleep(LATCH_WINDOW_S * 2.5)
    call.connect("phone", remote=private(1))  # 200
    talk(phone, 1, range(20))
    in_sequence(call.far.heard(), 20)
    call.reaches(phone)
    equal(call.get("phone")["remote"]["address"], phone.address, "where sluice sends")


@call
def an_answer_with_a_private_address_cuts_no_early_media(lab, call):
    endpoint = offered(call)
    phone = call.phone("left", 5008, endpoint)
    call.both_ways("phone")
    answered(call, phone, endpoint, remote=private(2))
    talk(phone, 1, range(10))
    call.reaches(phone)
    call.connect("phone", remote=private(3))  # the 200 differs
    talk(phone, 1, range(10, 30))
    in_sequence(call.far.heard(), 30)
    call.reaches(phone)
    equal(call.get("phone")["remote"]["address"], phone.address, "where sluice sends")


@call
def a_reinvite_with_new_keys_loses_nothing(lab, call):
    endpoint = offered(call)
    phone = call.phone("left", 5010, endpoint)
    call.both_ways("phone")
    answered(call, phone, endpoint)
    call.reaches(phone)
    call.far.heard(0.05)
    talk(phone, 1, range(65500, 65600))  # the roll-over counter is 1 at the end
    ours, theirs = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
    connected = call.connect("phone", receiveKey=text(theirs), sendKey=text(ours), remote=phone.remote)
    equal(connected["crypto"]["receiveKey"], text(theirs), "receiveKey")
    phone.heard(0.05)
    phone.sends_with, phone.hears_with = Srtp(theirs), Srtp(ours)
    for number in range(65600, 65700):
        phone.send(1, number)
        call.far.send(9, number)
        time.sleep(PACE_S)
    in_sequence(call.far.heard(), 200)
    in_sequence(phone.heard(), 100)
    # The same again, as a session refresh sends it, changes nothing.
    call.connect("phone", receiveKey=text(theirs), sendKey=text(ours), remote=phone.remote)
    talk(phone, 1, range(65700, 65710))
    in_sequence(call.far.heard(), 10)
    equal(call.get("phone")["authFailures"], 0, "authentication failures")


@call
def a_transfer_to_a_phone_behind_another_nat_is_heard(lab, call):
    endpoint = call.create("phone", kind="rtp")
    first = call.phone("left", 5012, endpoint)
    second = call.phone("right", 5012, endpoint)
    call.both_ways("phone")
    call.connect("phone", remote=private(4))
    talk(first, 1, range(20))
    call.reaches(first)
    in_sequence(call.far.heard(), 20)
    call.connect("phone", remote=private(5))
    time.sleep(0.6)  # the first phone has got its BYE
    talk(second, 2, range(300, 320))
    in_sequence(call.far.heard(), 20)
    call.reaches(second)
    equal(first.heard(0.05), [], "media to the phone that has left")


@call
def a_transfer_to_an_srtp_phone_behind_another_nat_is_heard(lab, call):
    endpoint = offered(call)
    first = call.phone("left", 5014, endpoint)
    call.both_ways("phone")
    answered(call, first, endpoint, remote=private(6))
    talk(first, 1, range(20))
    call.reaches(first)
    second = call.phone("right", 5014, endpoint)
    theirs, ours = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
    second.sends_with, second.hears_with = Srtp(theirs), Srtp(ours)
    call.connect(
        "phone",
        receiveKey=text(theirs),
        sendKey=text(ours),
        remote=private(7),
    )
    talk(first, 1, range(20, 30))  # has not got its BYE yet
    talk(second, 2, range(300, 320))
    in_sequence(call.far.heard(), 40)
    call.reaches(second)
    equal(call.get("phone")["authFailures"], 10, "packets of the phone that has left")


@call
def hold_music_and_resume_are_one_stream(lab, call):
    endpoint = offered(call)
    phone = call.phone("left", 5016, endpoint)
    call.both_ways("phone")
    answered(call, phone, endpoint)
    talk(phone, 1000, range(30))
    time.sleep(0.1)
    talk(phone, 2000, range(500, 550))  # music on hold, with an SSRC of its own
    time.sleep(0.1)
    talk(phone, 1000, range(30, 60))
    packets = call.far.heard()
    in_sequence(packets, 110)
    equal({ssrc for _, _, ssrc in packets}, {7001}, "SSRCs heard")


@call
def digits_with_an_ssrc_of_their_own_do_not_silence_the_voice(lab, call):
    endpoint = call.create("phone", kind="rtp")
    phone = call.phone("left", 5018, endpoint)
    call.route("phone", "far", 7001, [{"from": VOICE, "to": VOICE}], payloadTypes=[VOICE])
    call.route("phone", "far", 7003, [{"from": DIGITS, "to": 96}], payloadTypes=[DIGITS])
    for number in range(60):
        phone.send(1000, number)
        if 20 <= number < 40:
            phone.send(3000, number, DIGITS)
        time.sleep(PACE_S)
    packets = call.far.heard()
    in_sequence([packet for packet in packets if packet[1] == VOICE], 60)
    in_sequence([packet for packet in packets if packet[1] == 96], 20)


@call
def seventy_ssrcs_in_one_srtp_call_are_all_heard(lab, call):
    endpoint = offered(call)
    phone = call.phone("left", 5020, endpoint)
    call.both_ways("phone")
    answered(call, phone, endpoint)
    packets = []
    for ssrc in range(100, 170):
        talk(phone, ssrc, range(ssrc, ssrc + 5))
        packets += call.far.heard(0.03)  # before the socket's buffer is full
    in_sequence(packets, 350)


def attempt(lab, number, remotes):
    """A call that is given up at once."""
    name = f"attempt-{number}"
    lab.rpc.call("session.create", id=name)
    for side, remote in zip(("a", "b"), remotes):
        lab.rpc.call("endpoint.create", session=name, id=side, kind="rtp", remote=remote)
    for source, target in (("a", "b"), ("b", "a")):
        lab.rpc.call(
            "route.create", session=name, **{"from": {"endpoint": source}}, to=target, clockRate=8000
        )
    lab.rpc.call("session.remove", id=name, timeout_s=10)


@call
def a_storm_of_attempts_beside_a_call_is_not_refused(lab, call):
    """100 attempts a second for 12 s. Each ends at once: what it was expected to send is forgotten too."""
    endpoint = call.create("phone", kind="rtp", remote=call.remote_of("left", 5022))
    phone = call.phone("left", 5022, endpoint)
    call.both_ways("phone")
    call.reaches(phone)
    spoken = threading.Thread(target=talk, args=(phone, 1, range(600)))
    spoken.start()
    remotes = [call.remote_of(name, 6100) for name in ("left", "right")]
    begin, late, packets = time.monotonic(), 0.0, []
    for number in range(ATTEMPTS):
        late = max(late, -rest(begin + number / ATTEMPTS_PER_S))
        attempt(lab, number, remotes)
        if number % 50 == 0:
            packets += call.far.heard(0.001)  # before the socket's buffer is full
    took = time.monotonic() - begin
    spoken.join()
    print(f"       {ATTEMPTS} attempts in {took:.1f} s, the latest began {late:.2f} s late")
    assert took < 1.5 * ATTEMPTS / ATTEMPTS_PER_S, f"the attempts took {took:.1f} s"
    in_sequence(packets + call.far.heard(), 600)
    equal(len(lab.rpc.list("session.list", prefix="attempt-")), 0, "attempts that are left")


def rest(until):
    """Waits; returns what was left to wait, negative when it is late."""
    left = until - time.monotonic()
    if left > 0:
        time.sleep(left)
    return left


if __name__ == "__main__":
    sys.exit(main({"media": {"latch_window_ms": LATCH_WINDOW_S * 1000}}))
