"""A media peer as a process of its own: started in its namespace with /usr/bin/python3, told what to be by
one JSON line on stdin, and commanded by more lines. Prints JSON lines: `ready`, `sdp`, `state`, `status` each
second, `final` at the end, `error` when it cannot go on.

Commands:
    {"do": "start"}, {"do": "stop"}     let media flow, and end it without a gap
    {"do": "bye"}                       end the RTP streams with BYE
    {"do": "keyframe"}                  ask the sender for a key frame
    {"do": "remote", "type": "offer" | "answer", "sdp": ...}, {"do": "candidate", ...}     (webrtc)
    {"do": "status"}, {"do": "finish"}  one status line now; the final line, and exit

The fields of the first line: gst_rtp.py and gst_webrtc.py.
"""

import json
import os
import signal
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab.gst_peer import say  # noqa: E402


def read_commands(peer):
    """Until stdin ends: a parent that dies takes its peers with it."""
    for line in sys.stdin:
        if line.strip():
            GLib.idle_add(peer.command, json.loads(line))
    GLib.idle_add(peer.loop.quit)


def main():
    spec = json.loads(sys.stdin.readline())
    Gst.init(None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        if spec["kind"] == "webrtc":
            from lab.gst_webrtc import WebrtcPeer as kind
        else:
            from lab.gst_rtp import RtpPeer as kind
        peer = kind(spec)
        threading.Thread(target=read_commands, args=(peer,), daemon=True).start()
        peer.start()
        peer.loop.run()
        peer.shut_down()
    except Exception as error:  # the parent needs the reason, whatever it is
        say("error", message=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
