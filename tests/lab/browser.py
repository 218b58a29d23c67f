"""Browsers as parties of a call: the page of browser_page.js in Chromium, and the endpoints that it talks to.
A publisher sends an offer; a viewer answers sluice's offer.

    page = Page(namespace, log_path)
    alice = Publisher(rpc, "call", "alice", page, "VP8")
    bob = Viewer(rpc, "call", "bob", page, alice)
"""

import json
import os

from . import sdp
from .chromium import Chromium
from .gst_facts import CLOCK_RATES, MEDIA_OF

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser_page.js")
# The variant of a codec that the page asks for: a part of its fmtp line.
VARIANT = {"H264": "packetization-mode=1;profile-level-id=42e01f", "VP9": "profile-id=0"}
FRAMES_PER_SECOND = 10
FEEDBACK = {"video": ["nack", "nack pli", "ccm fir"], "audio": []}
VIEWER_MID_EXTENSION = 3  # Chromium takes another


class Page:
    """A browser with the page. call() runs one of its functions."""

    def __init__(self, namespace, log_path):
        self.chromium = Chromium(namespace, log_path)
        with open(_SCRIPT) as file:
            self.chromium.evaluate(file.read() + "\n0")
        self.version = self.chromium.version

    def call(self, function, *arguments):
        return self.chromium.evaluate(f"lab.{function}({', '.join(map(json.dumps, arguments))})")

    def can_send(self, codec):
        return self.call("canSend", "video", f"video/{codec}", VARIANT.get(codec, ""))

    def close(self):
        self.chromium.close()


class _Party:
    """`endpoint` is the API's object, `media` {codec: what sluice's description says of it}, `setup` sluice's
    role in DTLS."""

    _ssrc = 70000

    def __init__(self, rpc, session, id, page, setup):
        self.rpc, self.session, self.id, self.page, self.setup = rpc, session, id, page, setup
        self.name = f"{session}-{id}"  # in the page
        self.endpoint = None
        self.media, self.routes = {}, {}

    def get(self):
        return self.rpc.call("endpoint.get", session=self.session, id=self.id)

    def stats(self):
        return self.page.call("stats", self.name)

    def restart_ice(self):
        """The browser begins anew with other credentials and an offer; sluice answers with its new ones."""
        offer = self.page.call("restart", self.name)
        theirs = sdp.peer_transport(offer)
        self.endpoint = self.rpc.call(
            "endpoint.connect",
            session=self.session,
            id=self.id,
            ice={"ufrag": theirs["ufrag"], "password": theirs["password"]},
        )
        self.page.call("answered", self.name, self.description())

    def _connect(self, theirs):
        self.endpoint = self.rpc.call(
            "endpoint.connect",
            session=self.session,
            id=self.id,
            ice={"ufrag": theirs["ufrag"], "password": theirs["password"]},
            dtls={"fingerprints": [theirs["fingerprint"]]},
        )

    def _rename(self):
        former, self.name = self.name, f"{self.name}-again"
        return former

    def add_route(self, publisher, codec, **options):
        """Makes a route from the publisher's stream to this party's. It selects by mid, and changes the SSRC,
        the payload type and the number of the header extension to this party's."""
        theirs, ours = publisher.media[codec], self.media[codec]
        _Party._ssrc += 1
        ours["ssrc"] = _Party._ssrc
        self.routes[codec] = self.rpc.call(
            "route.create",
            session=self.session,
            to=self.id,
            ssrc=ours["ssrc"],
            clockRate=CLOCK_RATES[codec],
            payloadTypes=[{"from": theirs["pt"], "to": ours["pt"]}],
            headerExtensions=[{"from": theirs["midExtension"], "to": ours["midExtension"]}],
            **{"from": {"endpoint": publisher.id, "mid": theirs["mid"]}},
            **options,
        )["id"]

    def route(self, codec):
        return self.rpc.call("route.get", session=self.session, id=self.routes[codec])

    def description(self):
        return sdp.sluice_description(self.endpoint, list(self.media.values()), self.setup)

    def close(self):
        """Ends the connection in the page. May be repeated."""
        self.page.call("close", self.name)


class Publisher(_Party):
    """Publishes one video stream and Opus. With `views`, it waits for view() and views another publisher on
    the same connection. `number`: what the numbers of the pictures begin after."""

    def __init__(self, rpc, session, id, page, codec, setup="passive", number=0, views=False, **create):
        super().__init__(rpc, session, id, page, setup)
        self._publish = (
            f"video/{codec}",
            VARIANT.get(codec, ""),
            FRAMES_PER_SECOND,
            number,
            "sendrecv" if views else "sendonly",
        )
        offer = page.call("publish", self.name, *self._publish)
        theirs, media = sdp.peer_transport(offer), sdp.peer_media(offer)
        for item in media:
            self.media[item["codec"]] = {
                **item,
                "direction": "sendrecv" if views else "recvonly",
                "feedback": FEEDBACK[MEDIA_OF[item["codec"]]],
            }
        self.endpoint = rpc.call(
            "endpoint.create",
            session=session,
            id=id,
            kind="webrtc",
            ice={"ufrag": theirs["ufrag"], "password": theirs["password"]},
            dtls={"setup": setup, "fingerprints": [theirs["fingerprint"]]},
            midExtensionId=media[0]["midExtension"],
            **create,
        )
        if not views:
            page.call("answered", self.name, self.description())

    def transfer(self):
        """Another connection, with a certificate of its own, takes the place of this one. Returns the name of
        the former one in the page, which is left open."""
        former = self._rename()
        theirs = sdp.peer_transport(self.page.call("publish", self.name, *self._publish))
        self._connect(theirs)
        self.page.call("answered", self.name, self.description())
        return former

    def view(self, publisher):
        for codec in self.media:
            self.add_route(publisher, codec)
        self.page.call("answered", self.name, self.description())


class Viewer(_Party):
    """Views a publisher's streams. `feedback`: {"audio" | "video": what it may send RTCP for}. It has routes
    before connect() begins ICE and DTLS."""

    def __init__(self, rpc, session, id, page, publisher, setup="passive", feedback=None, **create):
        super().__init__(rpc, session, id, page, setup)
        self.endpoint = rpc.call(
            "endpoint.create", session=session, id=id, kind="webrtc", dtls={"setup": setup}, **create
        )
        for number, (codec, item) in enumerate(publisher.media.items()):
            self.media[codec] = {
                **item,
                "pt": 120 - number,
                "midExtension": VIEWER_MID_EXTENSION,
                "direction": "sendonly",
                "feedback": {**FEEDBACK, **(feedback or {})}[MEDIA_OF[codec]],
            }
            self.add_route(publisher, codec, keyframeOnSwitch=MEDIA_OF[codec] == "video")

    def connect(self):
        self._connect(sdp.peer_transport(self.page.call("view", self.name, self.description())))

    def transfer(self):
        """Another connection, with a certificate of its own, answers the same offer. Returns the name of the
        former one in the page, which is left open."""
        former = self._rename()
        self.connect()
        return former
