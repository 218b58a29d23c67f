"""A media peer as a process. It starts in its namespace with /usr/bin/python3. The first JSON line on stdin
describes the peer, each further line is a command. It prints JSON lines: `ready`, `sdp`, `state`, `status`
each second, `final` at the end, `error` when it cannot go on.

Commands:
    {"do": "start"}, {"do": "stop"}     start the media; stop it without a gap
    {"do": "bye"}                       end the RTP streams with BYE
    {"do": "keyframe"}                  ask the sender for a key frame
    {"do": "remote", "type": "offer" | "answer", "sdp": ...}, {"do": "candidate", ...}     (webrtc)
    {"do": "status"}, {"do": "finish"}  print a status line now; print the final line and exit

gst_rtp.py and gst_webrtc.py list the fields of the first line.
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
    """Runs commands until stdin ends, then ends the peer. So peers do not outlive their parent."""
    for line in sys.stdin:
        if line.strip():
            GLib.idle_add(peer.command, json.loads(line))
    GLib.idle_add(peer.loop.quit)


def main():
    spec = json.loads(sys.stdin.readline())
    Gst.init(None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
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
    except Exception as error:  # the parent reports the reason
        say("error", message=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
