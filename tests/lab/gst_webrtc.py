"""Peers of kind `webrtc`: webrtcbin with a full ICE agent (libnice), and audio and video in one BUNDLE.

A publisher sends an offer; a receiver answers sluice's offer. lab/sdp.py writes sluice's descriptions.
"""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from .gst_media import Publisher, make  # noqa: E402
from .gst_peer import Peer, say  # noqa: E402


class WebrtcPeer(Peer):
    """spec: kind, offer (bool: this peer offers), send and receive {codec: {...}}."""

    def __init__(self, spec):
        super().__init__(spec)
        self.webrtc = make("webrtcbin", bundle_policy="max-bundle", latency=spec.get("latencyMs", 200))
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("pad-added", self._pad_added)
        for name in ("connection-state", "ice-connection-state"):
            self.webrtc.connect(f"notify::{name}", self._state_changed)
        for codec, item in spec.get("send", {}).items():
            # webrtcbin needs caps to negotiate, so the encoder runs; its packets are dropped until the start.
            publisher = Publisher(self.pipeline, codec, item, self.stats, primed=True)
            publisher.src.link(self.webrtc.request_pad_simple("sink_%u"))
            self.publishers.append(publisher)
        self.webrtc.connect(
            "on-ice-candidate", lambda _, line, candidate: say("candidate", line=line, candidate=candidate)
        )
        self._negotiating = False
        if spec.get("offer"):
            self.webrtc.connect("on-negotiation-needed", lambda _: GLib.idle_add(self._offer))
        else:
            GLib.idle_add(lambda: say("ready"))

    def _element_added(self, pipeline, bin, element):
        super()._element_added(pipeline, bin, element)
        factory = element.get_factory()
        # A close_notify changes the connection-state of the DTLS element, but not webrtcbin's.
        if factory and factory.get_name() == "dtlsdec":
            element.connect("notify::connection-state", self._dtls_changed)

    def _dtls_changed(self, element, parameter):
        state = element.get_property(parameter.name).value_nick
        self.stats["dtls"] = state
        say("state", property="dtls", state=state)

    def _state_changed(self, webrtc, parameter):
        value = webrtc.get_property(parameter.name)
        self.stats[parameter.name] = value.value_nick
        say("state", property=parameter.name, state=value.value_nick)

    def _offer(self):
        if not self._negotiating:
            self._negotiating = True
            for index in range(len(self.publishers)):
                transceiver = self.webrtc.emit("get-transceiver", index)
                transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            promise = Gst.Promise.new_with_change_func(self._described, "offer")
            self.webrtc.emit("create-offer", None, promise)
        return False

    def _described(self, promise, kind):
        reply = promise.get_reply()
        description = reply.get_value(kind) if reply and reply.has_field(kind) else None
        if description is None:
            say("error", message=f"webrtcbin made no {kind}: {reply.to_string() if reply else 'no reply'}")
            return
        self.webrtc.emit("set-local-description", description, Gst.Promise.new())
        say("sdp", type=kind, sdp=description.sdp.as_text())

    def command(self, command):
        if command.get("do") == "candidate":
            self.webrtc.emit("add-ice-candidate", command["line"], command["candidate"])
            return False
        if command.get("do") != "remote":
            return super().command(command)
        _, message = GstSdp.SDPMessage.new_from_text(command["sdp"])
        kind = {"offer": GstWebRTC.WebRTCSDPType.OFFER, "answer": GstWebRTC.WebRTCSDPType.ANSWER}[
            command["type"]
        ]
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        promise = Gst.Promise.new_with_change_func(self._remote_set, command["type"])
        self.webrtc.emit("set-remote-description", description, promise)
        return False

    def _remote_set(self, promise, kind):
        reply = promise.get_reply()
        if reply and reply.has_field("error"):
            say("error", message=f"webrtcbin refused the {kind}: {reply.to_string()}")
        elif kind == "offer":
            self.webrtc.emit(
                "create-answer", None, Gst.Promise.new_with_change_func(self._described, "answer")
            )
        else:
            say("ready")

    def _pad_added(self, _webrtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps() or pad.query_caps(None)
        codec = caps.get_structure(0).get_string("encoding-name")
        if codec:
            self.decode(pad, codec.upper())
