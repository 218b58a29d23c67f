"""A browser publishes and another one views while 5 % of the datagrams from or to one of them are lost.
sluice answers the viewer's NACKs from its packet cache, and asks the publisher for what it never got. So the
viewer decodes what it would decode without loss, and does not freeze."""

import sys

from harness import case, equal, eventually, main

from browser_call import CODECS, Call, lose, page
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


def clean_window(viewer, control=None):
    """Looks at windows until one is clean. `control` is a viewer without loss."""
    told = []
    for _ in range(WINDOWS):
        windows = [Window(each) for each in (viewer, control) if each]
        lossy, *whole = (window.finish() for window in windows)
        usable = not whole or whole[0].clean(0.9)
        if usable and lossy.clean(SHARE * (whole[0].share if whole else 1)):
            return
        told.append(", without loss ".join(map(str, (lossy, *whole))))
    raise AssertionError(f"with {LOSS_PERCENT} % loss: {'; '.join(told)}")


def check_nothing_stays_lost(call):
    for kind in ("video", "audio"):
        eventually(lambda: call.viewer.stats()[kind]["packetsLost"] == 0, 10, f"no {kind} packet stays lost")


def check_loss_to_the_viewer(lab, codec, transport):
    with Call(lab, codec, transport=transport, viewer={"feedback": {"audio": ["nack"]}}) as call:
        control = call.add(Viewer, "control", page(lab, "publisher"), call.publisher)
        control.connect()
        call.shows()
        call.shows(control)
        with lose(lab, "viewer", "to", LOSS_PERCENT) as lossy:
            clean_window(call.viewer, control)
            assert lossy.dropped() > 0, "nothing was lost"
        check_nothing_stays_lost(call)
        for kind in ("video", "audio"):
            equal(call.publisher.stats()[kind]["nackCount"], 0, f"{kind} NACKs to the publisher")
        for codec in call.viewer.routes:
            route = call.viewer.route(codec)
            assert route["retransmitted"] > 0, f"nothing was retransmitted: {route}"


for _codec, _transport in zip(CODECS, ("own", "shared") * 2):

    def _check(lab, codec=_codec, transport=_transport):
        check_loss_to_the_viewer(lab, codec, transport)

    _check.__name__ = f"{_codec.lower()}_through_loss_to_the_viewer"
    case(_check)


@case
def loss_from_the_publisher(lab):
    with Call(lab, viewer={"feedback": {"audio": ["nack"]}}) as call:
        call.shows()
        with lose(lab, "publisher", "from", LOSS_PERCENT) as lossy:
            clean_window(call.viewer)
            assert lossy.dropped() > 0, "nothing was lost"
        check_nothing_stays_lost(call)
        sent = call.publisher.stats()
        for kind in ("video", "audio"):
            assert sent[kind]["retransmittedPacketsSent"] > 0, f"the publisher sent no {kind} packet again"


if __name__ == "__main__":
    sys.exit(main())
