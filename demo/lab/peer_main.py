"""A media peer as a process of its own: started in its namespace with /usr/bin/python3, told what to be by one JSON line
on stdin, and commanded by more lines. Prints JSON lines: `ready`, `sdp`, `state`, `status` each second, `final` at the
end, `error` when it cannot go on.

Commands: {"do": "start"} lets media flow · {"do": "stop"} ends it · {"do": "keyframe"} asks the sender for a key frame ·
{"do": "bye"} ends the RTP streams with BYE · {"do": "remote", "type": "offer"|"answer", "sdp": ...} (webrtc) ·
{"do": "status"} one status line now · {"do": "finish"} final line and exit.

docs: demo/README.md has the fields of the first line.
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)   # Ctrl-C is the parent's to handle
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
    except Exception as error:   # the parent needs the reason, whatever it is
        say("error", message=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
