"""The parts that the tests with a browser share: the browsers, and a call between two of them."""

import os

from harness import Skip, eventually

from lab import chromium, loss
from lab.browser import Page, Publisher, Viewer

CODECS = ("VP8", "VP9", "H264", "AV1")
_pages = {}


def page(lab, name):
    """The browser in the namespace of that name. The first use starts it."""
    if not chromium.installed():
        raise Skip(f"no {chromium.PROGRAM}: run 'scripts/deps browser'")
    if name not in _pages:
        namespace, _ = lab.room("pages")._address(name, "ipv4")
        _pages[name] = Page(namespace, os.path.join(lab.logs, f"{name}.log"))
    return _pages[name]


def lose(lab, name, direction, percent, **options):
    """Loses a share of the datagrams to, or from, the browser of that name: a context manager."""
    if not loss.installed():
        raise Skip("no nft: run 'scripts/deps browser'")
    return loss.Loss(lab.net, name, percent, direction, **options)


class Call:
    """A publisher whose media flows, and a viewer that comes later. Each in a browser of its own. A context
    manager, which ends the call."""

    _number = 0

    def __init__(self, lab, codec="VP8", **options):
        self.lab, self.codec = lab, codec
        pages = page(lab, "publisher"), page(lab, "viewer")
        if not pages[0].can_send(codec):
            raise Skip(f"{pages[0].version} does not encode {codec}")
        Call._number += 1
        self.session = f"call-{Call._number}"
        lab.rpc.call("session.create", id=self.session)
        self.parties = []
        try:
            self.begin(*pages, **options)
        except Exception:
            self.close()
            raise

    def begin(self, publishing, viewing, viewer=None, **create):
        self.publisher = self.add(Publisher, "alice", publishing, self.codec, **create)
        self.flows(self.publisher)
        self.viewer = self.add(Viewer, "bob", viewing, self.publisher, **create, **(viewer or {}))
        self.before_viewer()
        self.viewer.connect()

    def before_viewer(self):
        """Overridden to do something while the viewer has routes and is not connected."""

    def flows(self, party):
        eventually(lambda: party.get()["state"] == "flowing", 20, f"the media of {party.id} flows")

    def add(self, kind, id, *arguments, **options):
        self.parties.append(kind(self.lab.rpc, self.session, id, *arguments, **options))
        return self.parties[-1]

    def shows(self, viewer=None, count=20):
        """Waits until the viewer has shown so many pictures, and heard the tone."""

        def shown():
            stats = (viewer or self.viewer).stats()
            return stats["shown"]["count"] >= count and stats["audio"].get("totalAudioEnergy") and stats

        return eventually(shown, 30, f"{count} {self.codec} pictures and the tone in the viewer")

    def shows_more(self, count=20):
        """Waits until the viewer has shown so many more pictures."""
        before = self.viewer.stats()["shown"]["count"]
        self.shows(count=before + count)

    def remove_session(self):
        self.lab.rpc.call("session.remove", id=self.session, timeout_s=15)

    def close(self):
        for party in self.parties:
            party.close()
        if any(item["id"] == self.session for item in self.lab.rpc.call("session.list")["sessions"]):
            self.remove_session()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class LateViewer(Call):
    """The viewer connects when ten pictures have passed after its routes were made: a key frame that they
    asked for is over. None of the viewer's RTCP arrives."""

    mute = None

    def before_viewer(self):
        def encoded():
            return self.publisher.stats()["video"]["framesEncoded"]

        before = encoded()
        eventually(lambda: encoded() >= before + 10, 20, "ten pictures")
        self.mute = lose(self.lab, "viewer", "from", 100, rtcp=True)

    def close(self):
        if self.mute:
            self.mute.close()
        super().close()


class Meeting(Call):
    """Two participants. Each publishes and views on one connection."""

    def begin(self, here, there, **create):
        alice = self.add(Publisher, "alice", here, self.codec, views=True, **create)
        bob = self.add(Publisher, "bob", there, self.codec, views=True, number=30000, **create)
        alice.view(bob)
        bob.view(alice)
