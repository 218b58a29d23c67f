"""The workloads: calls between endpoints, and their packets. Pure data, the same for every relay.

A Workload has endpoints, the streams that they send and the routes between them. Rates are relative: the
generator scales them up to the limit of the relay.
"""

import random
from base64 import b64encode
from dataclasses import dataclass, field

CM80 = "AES_CM_128_HMAC_SHA1_80"
CM32 = "AES_CM_128_HMAC_SHA1_32"
GCM = "AEAD_AES_128_GCM"
PLAIN = "none"

_KEY_BYTES = {CM80: 30, CM32: 30, GCM: 28}
_PORTS_PER_ADDRESS = 30000


@dataclass
class Endpoint:
    session: str
    id: str
    protection: str  # in both directions
    address: tuple  # (ip, port) of the peer
    send_key: str = ""  # base64 of key||salt that the peer seals with
    receive_key: str = ""  # base64 of key||salt that the relay seals with


@dataclass
class Stream:
    endpoint: int  # the sender
    ssrc: int
    payload_type: int
    payload_bytes: int
    packets_per_second: float
    outputs: int  # number of routes that it feeds


@dataclass
class Receiver:
    endpoint: int  # the endpoint that gets the stream
    ssrc: int  # the SSRC with which it arrives
    stream: int
    clock_rate: int


@dataclass
class Flow:
    """A share of the copies that leave, for the bound: the protection before and after the relay."""

    share: float
    opened: str
    sealed: str
    payload_bytes: int
    fan_out: int


@dataclass(frozen=True)
class Flood:
    """Forged packets beside the media."""

    per_packet: int
    spoofed: bool  # from the peer's own address; otherwise from a stranger's

    @property
    def source(self):
        return "spoofed" if self.spoofed else "stranger"

    @property
    def label(self):
        return f"{self.per_packet}x forged, {self.source}"

    def order(self):
        return {"forged": self.per_packet, "spoofed": int(self.spoofed)}


@dataclass
class Workload:
    name: str  # W1
    title: str
    profile: str  # as the table shows it
    payload: str
    endpoints: list = field(default_factory=list)
    streams: list = field(default_factory=list)
    receivers: list = field(default_factory=list)
    flows: list = field(default_factory=list)
    rtcp_interval_ms: int = 0
    nack_share: float = 0.0
    consent_endpoints: int = 0  # webrtc endpoints, one for each room, that get consent checks
    consent_per_second: float = 0.0
    flood: "Flood | None" = None

    @property
    def label(self):
        return f"{self.name} {self.payload} B {self.profile}" + (
            f", {self.flood.label}" if self.flood else ""
        )

    @property
    def mean_fan_out(self):
        """Copies that leave for each packet that comes in."""
        arriving = sum(stream.packets_per_second for stream in self.streams)
        leaving = sum(stream.packets_per_second * stream.outputs for stream in self.streams)
        return leaving / arriving


class _Builder:
    """Adds endpoints and streams to a workload. Addresses go up one by one. Keys depend only on the seed."""

    def __init__(self, workload, seed=3):
        self.workload = workload
        self._random = random.Random(seed)

    def _key(self, protection):
        if protection == PLAIN:
            return ""
        return b64encode(self._random.randbytes(_KEY_BYTES[protection])).decode()

    def endpoint(self, session, id, protection):
        number = len(self.workload.endpoints)
        address = (
            f"198.18.1.{1 + number // _PORTS_PER_ADDRESS}",
            2000 + 2 * (number % _PORTS_PER_ADDRESS),
        )
        self.workload.endpoints.append(
            Endpoint(session, id, protection, address, self._key(protection), self._key(protection))
        )
        return number

    def stream(self, endpoint, payload_type, payload_bytes, packets_per_second, receivers, clock_rate):
        """Adds a stream, and a receiver at each endpoint of `receivers`, each with another SSRC."""
        number = len(self.workload.streams)
        self.workload.streams.append(
            Stream(
                endpoint,
                0x10000000 + number,
                payload_type,
                payload_bytes,
                packets_per_second,
                len(receivers),
            )
        )
        for to in receivers:
            ssrc = 0x20000000 + len(self.workload.receivers)
            self.workload.receivers.append(Receiver(to, ssrc, number, clock_rate))


def calls(name, title, payload_bytes, protections, endpoints, payload_type=0):
    """Calls of two endpoints: each sends to the other. `protections`: of caller and callee."""
    caller, callee = protections
    shown = caller if caller == callee else f"{caller}<>{callee}"
    workload = Workload(
        name, title, shown.replace(PLAIN, "RTP") if caller != callee else shown, str(payload_bytes)
    )
    build = _Builder(workload)
    for call in range(max(1, endpoints // 2)):
        session = f"call-{call}"
        a = build.endpoint(session, "a", caller)
        b = build.endpoint(session, "b", callee)
        build.stream(a, payload_type, payload_bytes, 50, [b], 8000)
        build.stream(b, payload_type, payload_bytes, 50, [a], 8000)
    workload.flows = [
        Flow(0.5, caller, callee, payload_bytes, 1),
        Flow(0.5, callee, caller, payload_bytes, 1),
    ]
    return workload


def broadcast(protection, publishers=20, subscribers=50, payload_bytes=1200, name="W2"):
    workload = Workload(name, f"broadcast 1:{subscribers}", protection, str(payload_bytes))
    build = _Builder(workload)
    for number in range(publishers):
        session = f"broadcast-{number}"
        publisher = build.endpoint(session, "publisher", protection)
        audience = [build.endpoint(session, f"s{i}", protection) for i in range(subscribers)]
        build.stream(publisher, 96, payload_bytes, 300, audience, 90000)
    workload.flows = [Flow(1.0, protection, protection, payload_bytes, subscribers)]
    return workload


# W6: a port of 10 Gbit/s takes the frames of all 20 broadcasts at just the rate at which they come. So a mean
# load is a share of the broadcasts.
BURST_GBPS = 10
FRAME_PACKETS, FRAMES_PER_SECOND = 64, 30
BURST_PUBLISHERS, BURST_SUBSCRIBERS = 20, 50
BURST_LOADS = (0.1, 0.4, 0.7)
# Ethernet, IPv4, UDP and RTP headers, the tag of GCM, and what Ethernet adds on the wire.
_WIRE_BYTES = 14 + 20 + 8 + 12 + 16 + 24
BURST_PAYLOAD_BYTES = round(
    BURST_GBPS * 1e9 / 8 / (BURST_PUBLISHERS * BURST_SUBSCRIBERS * FRAME_PACKETS * FRAMES_PER_SECOND)
    - _WIRE_BYTES
)


def bursts():
    """Broadcasts of which each sends frames of packets back to back."""
    return broadcast(GCM, BURST_PUBLISHERS, BURST_SUBSCRIBERS, BURST_PAYLOAD_BYTES, "W6")


def burst_load(output_pps):
    """The share of the port that so many copies a second take."""
    return output_pps * (BURST_PAYLOAD_BYTES + _WIRE_BYTES) * 8 / (BURST_GBPS * 1e9)


FORGED_PER_PACKET = 3  # W7


def calls_in_a_flood(spoofed, endpoints):
    """W1 with forged packets beside it."""
    workload = calls("W7", "calls in a flood", 160, (CM80, CM80), endpoints)
    workload.flood = Flood(FORGED_PER_PACKET, spoofed)
    return workload


AUDIO_BYTES, VIDEO_BYTES = 100, 1100
CONSENT_INTERVAL_S = 5  # RFC 7675 5.1


def conferences(rooms=400, people=6):
    """Conferences. Every second member uses GCM, the others AES_CM, so most packets change their profile."""
    workload = Workload("W3", f"{rooms} rooms of {people}", "GCM+AES_CM", f"{AUDIO_BYTES}/{VIDEO_BYTES}")
    build = _Builder(workload)
    for room in range(rooms):
        session = f"room-{room}"
        members = [build.endpoint(session, f"p{i}", GCM if i % 2 == 0 else CM80) for i in range(people)]
        for member in members:
            others = [other for other in members if other != member]
            build.stream(member, 111, AUDIO_BYTES, 50, others, 48000)
            build.stream(member, 96, VIDEO_BYTES, 150, others, 90000)
    workload.rtcp_interval_ms = 1000
    workload.nack_share = 0.01
    workload.consent_endpoints = rooms
    workload.consent_per_second = rooms * people / CONSENT_INTERVAL_S
    same, other = (people // 2 - 1) / (people - 1), (people - people // 2) / (people - 1)
    for payload_bytes, share in ((AUDIO_BYTES, 0.25), (VIDEO_BYTES, 0.75)):
        for opened in (GCM, CM80):
            for sealed in (GCM, CM80):
                weight = share * 0.5 * (same if opened == sealed else other)
                workload.flows.append(Flow(weight, opened, sealed, payload_bytes, people - 1))
    return workload


DEFAULT_ENDPOINTS = {"W0": 1000, "W1": 10000, "W4": 10000, "W7": 10000}


def table_rows(name, endpoints=None):
    """The rows that a workload's name stands for."""
    count = endpoints or DEFAULT_ENDPOINTS.get(name, 0)
    if name == "W0":
        return [calls("W0", "relay without crypto", 160, (PLAIN, PLAIN), count)]
    if name == "W1":
        return [calls("W1", "calls", size, (CM80, CM80), count) for size in (60, 160)]
    if name == "W2":
        return [broadcast(GCM), broadcast(CM80)]
    if name == "W3":
        return [conferences()]
    if name == "W4":
        return [calls("W4", "interworking", 60, (PLAIN, CM80), count)]
    if name == "W6":
        return [bursts()]
    if name == "W7":
        return [calls_in_a_flood(spoofed, count) for spoofed in (False, True)]
    raise ValueError(f'workload "{name}": allowed are {", ".join(NAMES)}')


NAMES = ("W0", "W1", "W2", "W3", "W4", "W6", "W7")
