"""The media that all GStreamer peers share: encoders, decoders, and counts of what passed through them.

A publisher's video is a ball over a plain background. The background's colour tells which publisher's video a
receiver decoded.
"""

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from .gst_facts import CLOCK_RATES, MEDIA_OF  # noqa: E402

COLORS = {
    "red": 0xFFD02020,
    "green": 0xFF20A030,
    "blue": 0xFF2030D0,
    "yellow": 0xFFD0C020,
    "grey": 0xFF808080,
}


def nearest_color(y, u, v):
    """The name of the nearest colour. YUV is BT.601 limited range, which videotestsrc and vp8 use below 720
    lines."""

    def yuv(argb):
        r, g, b = (argb >> 16) & 255, (argb >> 8) & 255, argb & 255
        return (
            16 + 0.257 * r + 0.504 * g + 0.098 * b,
            128 - 0.148 * r - 0.291 * g + 0.439 * b,
            128 + 0.439 * r - 0.368 * g - 0.071 * b,
        )

    def distance(argb):
        return sum((a - b) ** 2 for a, b in zip((y, u, v), yuv(argb)))

    name = min(COLORS, key=lambda name: distance(COLORS[name]))
    return name if distance(COLORS[name]) < 40**2 else "other"


def make(factory, **properties):
    element = Gst.ElementFactory.make(factory)
    if element is None:
        raise RuntimeError(f"GStreamer has no element '{factory}': run scripts/deps")
    for name, value in properties.items():
        Gst.util_set_object_arg(element, name.replace("_", "-"), str(value))
    return element


def _coder(codec, spec):
    """(source, caps of the raw media, encoder, payloader)."""
    if codec == "VP8":
        width, height, fps = spec.get("width", 320), spec.get("height", 180), spec.get("fps", 15)
        color = COLORS[spec.get("color", "grey")]
        source = make(
            "videotestsrc",
            is_live=True,
            pattern=spec.get("pattern", "ball"),
            background_color=color,
            foreground_color=0xFFFFFFFF,
        )
        caps = f"video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
        encoder = make(
            "vp8enc",
            deadline=1,
            cpu_used=12,
            threads=1,
            end_usage="cbr",
            lag_in_frames=0,
            keyframe_max_dist=spec.get("keyframeDistance", 1000),
            target_bitrate=spec.get("bitrate", 300000),
        )
        payloader = make("rtpvp8pay", mtu=1200, picture_id_mode="15-bit")
        return source, caps, encoder, payloader
    if codec == "OPUS":
        source = make(
            "audiotestsrc",
            is_live=True,
            wave="sine",
            freq=spec.get("frequency", 440),
            volume=0.3,
            samplesperbuffer=960,
        )
        caps = "audio/x-raw,rate=48000,channels=1"
        encoder = make("opusenc", bitrate=32000, frame_size=20, complexity=0)
        payloader = make("rtpopuspay")
        return source, caps, encoder, payloader
    raise RuntimeError(f"codec '{codec}': allowed are VP8 and OPUS")


def _rtp_caps(codec, spec):
    rtp_caps = (
        f"application/x-rtp,media={MEDIA_OF[codec]},encoding-name={codec},"
        f"clock-rate={CLOCK_RATES[codec]},payload={spec['pt']}"
    )
    if codec == "VP8":
        rtp_caps += ",rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true"
    elif codec == "OPUS":
        rtp_caps += ",encoding-params=(string)2"
    if "ssrc" in spec:
        rtp_caps += f",ssrc=(uint){spec['ssrc']}"
    return rtp_caps


class Publisher:
    """One encoder: source ! valve ! encoder ! payloader ! valve. The first valve stops the media without a
    gap in the sequence numbers. The second drops what a `primed` publisher encodes before its start."""

    def __init__(self, pipeline, codec, spec, stats, primed=False):
        self.codec, self.stats = codec, stats
        self.source, caps, encoder, payloader = _coder(codec, spec)
        Gst.util_set_object_arg(payloader, "pt", str(spec["pt"]))
        for name, key in (("ssrc", "ssrc"), ("seqnum-offset", "sequence"), ("timestamp-offset", "timestamp")):
            if key in spec:
                payloader.set_property(name, spec[key])
        source_filter = make("capsfilter")
        source_filter.set_property("caps", Gst.Caps.from_string(caps))
        rtp_filter = make("capsfilter")
        rtp_filter.set_property("caps", Gst.Caps.from_string(_rtp_caps(codec, spec)))
        # No media flows before the "start" command, because the call must be set up first.
        self.source_valve = make("valve", drop=not primed)
        self.rtp_valve = make("valve", drop=primed, drop_mode="forward-sticky-events")
        self.encoder = encoder
        chain = [
            self.source,
            source_filter,
            self.source_valve,
            make("queue"),
            encoder,
            payloader,
            rtp_filter,
            self.rtp_valve,
        ]
        for element in chain:
            pipeline.add(element)
        for left, right in zip(chain, chain[1:]):
            if not left.link(right):
                raise RuntimeError(f"cannot link {left.get_name()} to {right.get_name()}")
        self.src = self.rtp_valve.get_static_pad("src")
        if codec == "VP8":
            stats.setdefault("keyframesSent", 0)
            encoder.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._encoded)

    def _encoded(self, _pad, info):
        if not info.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT):
            self.stats["keyframesSent"] += 1
        return Gst.PadProbeReturn.OK

    def set_flowing(self, flowing):
        self.source_valve.set_property("drop", not flowing)
        if flowing and self.rtp_valve.get_property("drop"):
            if self.codec == "VP8":
                structure = Gst.Structure.new_empty("GstForceKeyUnit")
                structure.set_value("all-headers", True)
                self.encoder.get_static_pad("src").send_event(
                    Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, structure)
                )
            self.rtp_valve.set_property("drop", False)

    def finish(self):
        """Ends the stream, so that rtpbin sends BYE. The event enters behind the first valve, which would
        drop it."""
        self.encoder.get_static_pad("sink").send_event(Gst.Event.new_eos())


class Decoder:
    """depayloader ! decoder ! sink for one received stream. Counts frames, and the colours of video."""

    FACTORIES = {"VP8": ("rtpvp8depay", "vp8dec"), "OPUS": ("rtpopusdepay", "opusdec")}

    def __init__(self, pipeline, pad, codec, stats):
        self.codec, self.stats = codec, stats
        stats["decoded"].setdefault(codec, 0)
        depay, decode = self.FACTORIES[codec]
        decoder = make(decode)
        if codec == "VP8":
            depayloader = make(depay, request_keyframe=True, wait_for_keyframe=True)
        else:
            depayloader = make(depay)
        chain = [make("queue"), depayloader, decoder, make("fakesink", sync=False, **{"async": False})]
        for element in chain:
            pipeline.add(element)
        for left, right in zip(chain, chain[1:]):
            left.link(right)
        decoder.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._decoded)
        for element in reversed(chain):
            element.sync_state_with_parent()
        if pad.link(chain[0].get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            raise RuntimeError(f"cannot link the received {codec} stream to its decoder")

    def _decoded(self, pad, info):
        self.stats["decoded"][self.codec] += 1
        if self.codec == "VP8" and self.stats["decoded"]["VP8"] % 3 == 1:
            structure = pad.get_current_caps().get_structure(0)
            width, height = structure.get_int("width")[1], structure.get_int("height")[1]
            buffer = info.get_buffer()
            # I420, strides rounded up to 4. The pixel is in a corner that the ball rarely reaches.
            stride, chroma = (width + 3) // 4 * 4, ((width + 1) // 2 + 3) // 4 * 4
            size_y, size_u = stride * ((height + 1) // 2 * 2), chroma * ((height + 1) // 2)
            at = lambda offset: buffer.extract_dup(offset, 1)[0]
            corner = nearest_color(
                at(2 * stride + 2), at(size_y + chroma + 1), at(size_y + size_u + chroma + 1)
            )
            self.stats["colors"][corner] = self.stats["colors"].get(corner, 0) + 1
            if self.stats.get("lastColor") != corner:
                self.stats["lastColor"] = corner
        return Gst.PadProbeReturn.OK


def jitterbuffer_losses(jitterbuffers):
    """Sums over the jitter buffers: packets that were lost, came late or came twice."""
    totals = {"lost": 0, "late": 0, "duplicates": 0}
    for jitterbuffer in jitterbuffers:
        stats = jitterbuffer.get_property("stats")
        for key, field in (("lost", "num-lost"), ("late", "num-late"), ("duplicates", "num-duplicates")):
            found, value = stats.get_uint64(field)
            if found:
                totals[key] += value
    return totals
