"""The part of a GStreamer peer that does not depend on its transport: pipeline, statistics, status lines,
commands.

The probes run on streaming threads, the rest on the GLib main loop. Counters are plain Python integers: the
GIL protects them.
"""

import json
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

from . import gst_media  # noqa: E402
from .gst_facts import CLOCK_RATES  # noqa: E402
from .rtp_watch import RtpWatch, is_rtcp  # noqa: E402

_print_lock = threading.Lock()


def say(event, **fields):
    with _print_lock:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


class Peer:
    """The base class of every kind: the pipeline, its statistics, the commands."""

    def __init__(self, spec):
        self.spec = spec
        self.loop = GLib.MainLoop()
        self.stats = {"sentPackets": {}, "decoded": {}, "colors": {}, "rejected": 0}
        send = spec.get("send", {})
        receive = spec.get("receive", {})
        self.codec_of_pt = {item["pt"]: codec for codec, item in receive.items()}
        rates = {
            item["pt"]: CLOCK_RATES[codec]
            for direction in (send, receive)
            for codec, item in direction.items()
        }
        self.watch = RtpWatch(rates)
        for codec in receive:
            self.stats["decoded"][codec] = 0
        self.pipeline = Gst.Pipeline.new("peer")
        self.pipeline.connect("deep-element-added", self._element_added)
        self.jitterbuffers, self.srtp_decoders, self.decoders, self.publishers = [], [], [], []
        self._decoder_pads = []

    def start(self):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._failed)
        if self.pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            raise RuntimeError("the pipeline does not start")
        GLib.timeout_add(1000, self._status_tick)

    def _failed(self, _bus, message):
        error, debug = message.parse_error()
        say("error", message=f"{message.src.get_name()}: {error.message}", debug=(debug or "")[:500])
        self.loop.quit()

    def _element_added(self, _pipeline, _bin, element):
        factory = element.get_factory()
        name = factory.get_name() if factory else ""
        if name == "rtpjitterbuffer":
            self.jitterbuffers.append(element)
        elif name == "srtpdec":
            # 64 is the least that RFC 3711 allows: the strictest receiver.
            element.set_property("replay-window-size", 64)
            self.srtp_decoders.append(element)
        elif name == "rtpbin":
            element.connect("pad-added", self._rtpbin_pad)

    def _rtpbin_pad(self, _rtpbin, pad):
        name = pad.get_name()
        if name.startswith("recv_rtp_sink"):
            pad.add_probe(Gst.PadProbeType.BUFFER, self._received_rtp)
        elif name.startswith("recv_rtcp_sink"):
            pad.add_probe(Gst.PadProbeType.BUFFER, self._received_rtcp)
        elif name.startswith("send_rtp_src"):
            pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, self._sent_rtp)

    def _received_rtp(self, _pad, info):
        buffer = info.get_buffer()
        head = buffer.extract_dup(0, min(buffer.get_size(), 12))
        now = time.monotonic()
        if is_rtcp(head):
            self.watch.compound(buffer.extract_dup(0, buffer.get_size()), now)
        else:
            self.watch.rtp(head, now)
        return Gst.PadProbeReturn.OK

    def _received_rtcp(self, _pad, info):
        buffer = info.get_buffer()
        self.watch.compound(buffer.extract_dup(0, buffer.get_size()), time.monotonic())
        return Gst.PadProbeReturn.OK

    def _count_sent(self, buffer):
        head = buffer.extract_dup(0, min(buffer.get_size(), 12))
        ssrc = str(int.from_bytes(head[8:12], "big"))
        self.stats["sentPackets"][ssrc] = self.stats["sentPackets"].get(ssrc, 0) + 1

    def _sent_rtp(self, _pad, info):
        if info.type & Gst.PadProbeType.BUFFER_LIST:
            buffers = info.get_buffer_list()
            for number in range(buffers.length()):
                self._count_sent(buffers.get(number))
        else:
            self._count_sent(info.get_buffer())
        return Gst.PadProbeReturn.OK

    def decode(self, pad, codec):
        self.decoders.append(gst_media.Decoder(self.pipeline, pad, codec, self.stats))
        if codec == "VP8":
            self._decoder_pads.append(pad)

    def snapshot(self):
        rejected = 0
        for decoder in self.srtp_decoders:
            stats = decoder.get_property("stats")
            found, dropped = stats.get_uint("recv-drop-count")
            rejected += dropped if found else 0
        self.stats["rejected"] = rejected
        return {
            "id": self.spec["id"],
            "kind": self.spec["kind"],
            **self.stats,
            **self.watch.as_dict(),
            "jitterbuffer": gst_media.jitterbuffer_losses(self.jitterbuffers),
        }

    def _status_tick(self):
        say("status", **self.snapshot())
        return True

    def command(self, command):
        action = command.get("do")
        if action == "start":
            for publisher in self.publishers:
                publisher.set_flowing(True)
        elif action == "stop":
            for publisher in self.publishers:
                publisher.set_flowing(False)
        elif action == "bye":
            for publisher in self.publishers:
                publisher.finish()
        elif action == "keyframe":
            for pad in self._decoder_pads:
                structure = Gst.Structure.new_empty("GstForceKeyUnit")
                structure.set_value("all-headers", True)
                pad.send_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, structure))
        elif action == "status":
            say("status", **self.snapshot())
        elif action == "finish":
            say("final", **self.snapshot())
            self.loop.quit()
        else:
            say("error", message=f"unknown command {command}")
        return False

    def shut_down(self):
        self.pipeline.set_state(Gst.State.NULL)
