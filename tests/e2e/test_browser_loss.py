"""A browser views while 5 % of the datagrams to it are lost. sluice answers its NACKs from the packet cache,
so it decodes what a viewer without loss decodes, and does not freeze."""

import sys

from harness import Skip, case, equal, eventually, main

from browser_call import CODECS, Call, page
from lab import loss
from lab.browser import Viewer

LOSS_PERCENT = 5
PICTURES = 100
SHARE = 0.95
# A window in which the viewer without loss is disturbed too says nothing; and three losses of one packet in
# succession can freeze a picture. Without retransmission no window is clean.
WINDOWS = 4


class Window:
    """What a viewer decodes and shows while PICTURES pass."""

    def __init__(self, viewer):
        self.viewer, self.before = viewer, viewer.stats()

    def finish(self):
        last = self.before["shown"]["last"] + PICTURES
        after = eventually(lambda: self._reached(last), 60, f"{self.viewer.id} shows picture {last}")
        passed = after["shown"]["last"] - self.before["shown"]["last"]
        self.share = self._more(after, "framesDecoded") / passed
        self.freezes = self._more(after, "freezeCount")
        return self

    def _reached(self, last):
        stats = self.viewer.stats()
        return stats["shown"]["last"] >= last and stats

    def _more(self, after, count):
        return after["video"][count] - self.before["video"][count]

    def clean(self, share):
        return self.share >= share and not self.freezes

    def __str__(self):
        return f"{self.share:.1%} of the pictures and {self.freezes} freezes"


def clean_window(viewer, control):
    """Looks at windows until one is clean."""
    told = []
    for _ in range(WINDOWS):
        windows = Window(viewer), Window(control)
        lossy, whole = (window.finish() for window in windows)
        if whole.clean(0.9) and lossy.clean(SHARE * whole.share):
            return
        told.append(f"{lossy}, without loss {whole}")
    raise AssertionError(f"with {LOSS_PERCENT} % loss: {'; '.join(told)}")


def check_loss(lab, codec, transport):
    if not loss.installed():
        raise Skip("no nft: run 'scripts/deps browser'")
    with Call(lab, codec, transport=transport, viewer={"audio_nack": True}) as call:
        check_call(lab, call)


def check_call(lab, call):
    control = call.add(Viewer, "control", page(lab, "publisher"), call.publisher)
    call.shows()
    call.shows(control)
    with loss.Loss(lab.net.peers["viewer"], LOSS_PERCENT) as lossy:
        clean_window(call.viewer, control)
        assert lossy.dropped() > 0, "nothing was lost"
    for kind in ("video", "audio"):
        eventually(lambda: call.viewer.stats()[kind]["packetsLost"] == 0, 10, f"no {kind} packet stays lost")
        equal(call.publisher.stats()[kind]["nackCount"], 0, f"{kind} NACKs to the publisher")
    for codec in call.viewer.routes:
        route = call.viewer.route(codec)
        assert route["retransmitted"] > 0, f"nothing was retransmitted: {route}"


for _codec, _transport in zip(CODECS, ("own", "shared") * 2):

    def _check(lab, codec=_codec, transport=_transport):
        check_loss(lab, codec, transport)

    _check.__name__ = f"{_codec.lower()}_through_loss"
    case(_check)


if __name__ == "__main__":
    sys.exit(main())
