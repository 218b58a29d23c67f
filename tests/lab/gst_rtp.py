"""Peers of kind `rtp` (plain), `sdes` (SRTP with given keys) and `dtls` (ICE and DTLS by our own client, then
SRTP): udpsrc/udpsink around rtpbin, with srtpenc/srtpdec between.

    publishers -> rtpfunnel -> rtpbin -> [srtpenc] -> udpsink        one socket with rtcpMux, else two
       decoders <-------------- rtpbin <- [srtpdec] <- udpsrc
"""

import base64
import ipaddress
import socket

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gio, GLib, Gst  # noqa: E402

from . import stun  # noqa: E402
from .gst_facts import CLOCK_RATES, MEDIA_OF  # noqa: E402
from .gst_media import Publisher, make  # noqa: E402
from .ice_client import IceClient  # noqa: E402
from .gst_peer import Peer, say  # noqa: E402
from .rtp_watch import is_rtcp  # noqa: E402

# profile -> (srtpenc cipher, RTP tag, RTCP tag); RFC 5764 and 4568: SRTCP of ..._32 has the long tag.
CIPHERS = {
    "AEAD_AES_128_GCM": ("aes-128-gcm", "null", "null"),
    "AEAD_AES_256_GCM": ("aes-256-gcm", "null", "null"),
    "AES_CM_128_HMAC_SHA1_80": ("aes-128-icm", "hmac-sha1-80", "hmac-sha1-80"),
    "AES_CM_128_HMAC_SHA1_32": ("aes-128-icm", "hmac-sha1-32", "hmac-sha1-80"),
}


class RtpPeer(Peer):
    """spec: kind, local {address, rtpPort, rtcpPort?}, remote {the same} | null, rtcpMux, crypto {profile,
    sendKey, receiveKey} (base64, as the peer sees them) for kind sdes, ice and dtls for kind dtls, send and
    receive {codec: {...}}, feedback "pli" (default) or "fir": how the peer asks for key frames."""

    def __init__(self, spec):
        super().__init__(spec)
        local = spec["local"]
        self.mux = spec.get("rtcpMux", False) or spec["kind"] == "dtls"
        self.family = (
            socket.AF_INET6 if ipaddress.ip_address(local["address"]).version == 6 else socket.AF_INET
        )
        self.remote = spec.get("remote")
        self._feedback = {"pli": "rtcp-fb-nack-pli", "fir": "rtcp-fb-ccm-fir"}[spec.get("feedback", "pli")]
        self.ice = None
        if spec["kind"] == "dtls":
            self._set_up_ice_and_dtls()
            sockets = [self.ice.socket]
        else:
            ports = (
                [local["rtpPort"]]
                if self.mux
                else [local["rtpPort"], local.get("rtcpPort", local["rtpPort"] + 1)]
            )
            sockets = []
            for port in ports:
                bound = socket.socket(self.family, socket.SOCK_DGRAM)
                bound.bind((local["address"], port))
                sockets.append(bound)
        self._python_sockets = sockets
        self.sockets = [Gio.Socket.new_from_fd(bound.fileno()) for bound in sockets]
        self._build()
        say("ready", dtls=self._dtls_facts())

    # Sets up ICE and DTLS of kind `dtls` before the pipeline starts, then renews consent every 2.5 s.
    def _set_up_ice_and_dtls(self):
        ice, dtls = self.spec["ice"], self.spec["dtls"]
        local, remote = self.spec["local"], self.spec["remote"]
        self.ice = IceClient(
            (local["address"], local["rtpPort"]),
            (remote["address"], remote["rtpPort"]),
            self.family,
            ice["ufrag"],
            ice["password"],
        )
        answer = self.ice.check(ice["remoteUfrag"], ice["remotePassword"])
        if answer is None or answer["type"] != stun.BINDING_SUCCESS:
            raise RuntimeError(f"no ICE success from {remote['address']}: {answer}")
        certificate = StoredCertificate(dtls["certificate"], dtls["key"])
        self.ice.start_dtls(certificate, dtls["profiles"], dtls["server"])
        if not self.ice.handshake(15):
            raise RuntimeError(f"DTLS handshake: {self.ice.dtls.error or 'timed out'}")
        if dtls.get("fingerprint") and self.ice.dtls.peer_fingerprint() != dtls["fingerprint"]:
            raise RuntimeError("sluice's certificate does not match its fingerprint")
        profile, send, receive = self.ice.dtls.keys()
        self.spec["crypto"] = {
            "profile": profile,
            "sendKey": base64.b64encode(send).decode(),
            "receiveKey": base64.b64encode(receive).decode(),
        }
        self.ice.socket.setblocking(False)
        GLib.timeout_add(2500, self._consent)

    def _dtls_facts(self):
        return {"profile": self.spec["crypto"]["profile"]} if self.ice else None

    def _consent(self):
        ice = self.spec["ice"]
        self.ice.send(stun.binding_request(f"{ice['remoteUfrag']}:{ice['ufrag']}", ice["remotePassword"]))
        return True

    def _not_media(self, datagram):
        """Handles STUN and DTLS that arrive while media flows. Runs on the main loop."""
        if datagram[0] <= 3:
            self.stats["stunAnswers"] = self.stats.get("stunAnswers", 0) + 1
            return False
        was_closed = self.ice.dtls.closed_by_peer
        self.ice.dtls.receive(datagram)
        for answer in self.ice.dtls.take_datagrams():
            self.ice.send(answer)
        if self.ice.dtls.closed_by_peer and not was_closed:
            self.stats["closedByPeer"] = True
            say("state", state="closed")
        return False

    def _build(self):
        crypto = self.spec.get("crypto")
        self.rtpbin = make(
            "rtpbin", latency=self.spec.get("latencyMs", 200), rtp_profile="avpf" if not crypto else "savpf"
        )
        self.rtpbin.connect("request-pt-map", self._caps_of)
        self.rtpbin.connect("pad-added", self._pad_added)
        self.pipeline.add(self.rtpbin)
        self.encoder = self.decoder = None
        if crypto:
            cipher, rtp_tag, rtcp_tag = CIPHERS[crypto["profile"]]
            self.encoder = make(
                "srtpenc", rtp_cipher=cipher, rtp_auth=rtp_tag, rtcp_cipher=cipher, rtcp_auth=rtcp_tag
            )
            self.encoder.set_property("key", Gst.Buffer.new_wrapped(base64.b64decode(crypto["sendKey"])))
            self.decoder = make("srtpdec")
            key = base64.b64decode(crypto["receiveKey"]).hex()
            self._decoder_caps = Gst.Caps.from_string(
                f"application/x-srtp,srtp-key=(buffer){key},srtp-cipher={cipher},srtp-auth={rtp_tag},"
                f"srtcp-cipher={cipher},srtcp-auth={rtcp_tag}"
            )
            self.decoder.connect("request-key", lambda _decoder, _ssrc: self._decoder_caps)
            self.pipeline.add(self.encoder)
            self.pipeline.add(self.decoder)
        self._build_receiving()
        self._build_sending()

    def _caps_of(self, _rtpbin, _session, payload_type):
        codec = self.codec_of_pt.get(payload_type)
        if codec is None:
            return None
        return Gst.Caps.from_string(
            f"application/x-rtp,media={MEDIA_OF[codec]},encoding-name={codec},"
            f"clock-rate={CLOCK_RATES[codec]},"
            f"payload={payload_type},{self._feedback}=(boolean)true"
        )

    def _pad_added(self, _rtpbin, pad):
        name = pad.get_name()
        if name.startswith("recv_rtp_src_"):
            codec = self.codec_of_pt.get(int(name.rsplit("_", 1)[1]))
            if codec:
                self.decode(pad, codec)

    def _udpsrc(self, gio_socket):
        source = make("udpsrc", close_socket=False)
        source.set_property("socket", gio_socket)
        # udpsrc stamps each packet with its arrival time, which rtpbin needs.
        self.pipeline.add(source)
        return source

    def _build_receiving(self):
        rtp = self._udpsrc(self.sockets[0])
        rtp_sink = self.rtpbin.request_pad_simple("recv_rtp_sink_0")
        rtcp_sink = self.rtpbin.request_pad_simple("recv_rtcp_sink_0")
        if self.decoder:
            rtp.set_property("caps", Gst.Caps.from_string("application/x-srtp"))
            rtp.link_pads("src", self.decoder, "rtp_sink")
            self.decoder.get_static_pad("rtp_src").link(rtp_sink)
            self.decoder.get_static_pad("rtcp_src").link(rtcp_sink)
        else:
            rtp.set_property("caps", Gst.Caps.from_string("application/x-rtp"))
            rtp.get_static_pad("src").link(rtp_sink)
        if self.mux:
            if not self.decoder:
                # rtpbin cannot tell RTCP from RTP on one pad; srtpdec can.
                self.rtcp_feed = make("appsrc", format="time", is_live=True, do_timestamp=True)
                self.rtcp_feed.set_property("caps", Gst.Caps.from_string("application/x-rtcp"))
                self.pipeline.add(self.rtcp_feed)
                self.rtcp_feed.get_static_pad("src").link(rtcp_sink)
            rtp.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._demultiplex)
        else:
            rtcp = self._udpsrc(self.sockets[1])
            rtcp.set_property(
                "caps", Gst.Caps.from_string("application/x-srtcp" if self.decoder else "application/x-rtcp")
            )
            if self.decoder:
                rtcp.link_pads("src", self.decoder, "rtcp_sink")
            else:
                rtcp.get_static_pad("src").link(rtcp_sink)

    def _demultiplex(self, _pad, info):
        buffer = info.get_buffer()
        head = buffer.extract_dup(0, min(buffer.get_size(), 2))
        if not head or not 128 <= head[0] <= 191:
            if self.ice and head:
                GLib.idle_add(self._not_media, buffer.extract_dup(0, buffer.get_size()))
            return Gst.PadProbeReturn.DROP
        if is_rtcp(head) and not self.decoder:
            self.rtcp_feed.emit(
                "push-buffer", Gst.Buffer.new_wrapped(buffer.extract_dup(0, buffer.get_size()))
            )
            return Gst.PadProbeReturn.DROP
        return Gst.PadProbeReturn.OK

    def _udpsink(self, gio_socket, address, port):
        sink = make("udpsink", sync=False, close_socket=False, auto_multicast=False, **{"async": False})
        sink.set_property("socket-v6" if self.family == socket.AF_INET6 else "socket", gio_socket)
        sink.set_property("host", address)
        sink.set_property("port", port)
        self.pipeline.add(sink)
        return sink

    def _build_sending(self):
        remote, send = self.remote, self.spec.get("send", {})
        if not remote:
            return
        rtcp_port = remote["rtpPort"] if self.mux else remote.get("rtcpPort") or remote["rtpPort"] + 1
        rtp_out = self._udpsink(self.sockets[0], remote["address"], remote["rtpPort"])
        rtcp_out = self._udpsink(self.sockets[0 if self.mux else 1], remote["address"], rtcp_port)
        if send:
            funnel = make("rtpfunnel")
            self.pipeline.add(funnel)
            for codec, item in send.items():
                publisher = Publisher(self.pipeline, codec, item, self.stats)
                publisher.src.link(funnel.request_pad_simple("sink_%u"))
                self.publishers.append(publisher)
            funnel.get_static_pad("src").link(self.rtpbin.request_pad_simple("send_rtp_sink_0"))
            self._link_out("send_rtp_src_0", self.rtpbin.get_static_pad("send_rtp_src_0"), "rtp", rtp_out)
        self._link_out("send_rtcp_src_0", self.rtpbin.request_pad_simple("send_rtcp_src_0"), "rtcp", rtcp_out)

    def _link_out(self, name, pad, kind, sink):
        if pad is None:
            raise RuntimeError(f"rtpbin has no pad {name}")
        if self.encoder:
            pad.link(self.encoder.request_pad_simple(f"{kind}_sink_0"))
            self.encoder.get_static_pad(f"{kind}_src_0").link(sink.get_static_pad("sink"))
        else:
            pad.link(sink.get_static_pad("sink"))

    def shut_down(self):
        super().shut_down()
        if self.ice and self.ice.dtls:
            self.ice.dtls.close()
            for datagram in self.ice.dtls.take_datagrams():
                self.ice.send(datagram)


class StoredCertificate:
    """A certificate in files that the parent process made."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key
