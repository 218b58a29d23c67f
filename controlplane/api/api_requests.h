// api_requests: the definitions of the requests: the fields of each, stated once for the three visitors of
// api_fields.h. Only api.cc includes this. Templates and constants, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "controlplane/api/api_fields.h"
#include "controlplane/session/rules.h"

namespace sluice::control::fields {

/// The texts of a method, by the type of its request.
struct MethodText {
  std::string_view name;
  std::string_view summary;
  std::string_view example;
};
template <typename R>
struct TextOf;

inline constexpr Field kSession{
    .name = "session", .help = "the session's id", .required = true, .text = &kObjectId};
inline constexpr Field kId{.name = "id", .help = "its id", .required = true, .text = &kObjectId};
inline constexpr Field kNewId{.name = "id", .help = "its id; made up when not given", .text = &kObjectId};
inline constexpr Field kOfSession{.name = "session", .help = "only of this session", .text = &kObjectId};

template <typename V>
void describe(V& v, RemoteAddress& r) {
  v.field({.name = "address", .help = "the peer's IP address", .required = true}, r.address);
  v.field({.name = "rtpPort", .help = "its RTP port", .required = true, .range = kUdpPort}, r.rtp_port);
  v.field({.name = "rtcpPort",
           .help = "its RTCP port; default rtpPort with rtcpMux, else rtpPort + 1",
           .range = kUdpPort},
          r.rtcp_port);
}

template <typename V>
void describe(V& v, Fingerprint& r) {
  v.field({.name = "algorithm", .help = "of the digest, as in a=fingerprint", .required = true}, r.algorithm);
  v.field({.name = "value", .help = "the certificate's digest, as in AB:CD:...", .required = true}, r.value);
}

template <typename V>
void describe(V& v, SourceSelector& r) {
  v.field({.name = "endpoint", .help = "who sends it", .required = true, .text = &kObjectId}, r.endpoint);
  v.field({.name = "ssrc", .help = "the stream with this SSRC", .range = kSsrc}, r.ssrc);
  v.field({.name = "payloadTypes",
           .help = "or the stream with one of these payload types",
           .range = kPayloadType,
           .max_items = kMaxPayloadTypes},
          r.payload_types);
  v.field({.name = "mid", .help = "or the stream with this mid", .text = &kMid}, r.mid);
  v.field(
      {.name = "rid", .help = "or with this rid, with mid or alone: one layer of simulcast", .text = &kRid},
      r.rid);
}

template <typename V>
void describe(V& v, StreamPosition& r) {
  v.field({.name = "ssrc", .help = "of the stream", .required = true, .range = kSsrc}, r.ssrc);
  v.field({.name = "rolloverCounter",
           .help = "how often its sequence number has wrapped around",
           .required = true,
           .range = kRolloverCounter},
          r.rollover_counter);
  v.field({.name = "sequence", .help = "the highest with that counter", .range = kSequence}, r.sequence);
}

template <typename V>
void describe(V& v, Mki& r) {
  v.field({.name = "value", .help = "as in a=crypto", .required = true, .range = kMkiValue}, r.value);
  v.field(
      {.name = "length", .help = "its bytes in a packet; 0 = none", .required = true, .range = kMkiLength},
      r.length);
}

template <typename V>
void describe_mkis(V& v, std::optional<Mki>& receive, std::optional<Mki>& send) {
  v.field({.name = "receiveMki", .help = "master key identifier of the peer's packets (RFC 3711 3.1)"},
          receive);
  v.field({.name = "sendMki", .help = "master key identifier of sluice's packets"}, send);
}

template <typename V>
void describe_positions(V& v, std::vector<StreamPosition>& positions) {
  v.field({.name = "rolloverCounters",
           .help = "where streams of the peer stand that did not begin here (RFC 3711 3.3.1)",
           .max_items = kMaxRolloverCounters},
          positions);
}

/// The range is that of payload types. The rule for header extension ids is checked in rules.cc.
template <typename V>
void describe(V& v, NumberMapping& r) {
  v.field({.name = "from", .help = "as it comes in", .required = true, .range = kPayloadType}, r.from);
  v.field({.name = "to", .help = "as it goes out", .required = true, .range = kPayloadType}, r.to);
}

template <typename V>
void describe_fingerprints(V& v, std::vector<Fingerprint>& fingerprints) {
  v.field({.name = "fingerprints", .help = "of the peer's certificate", .max_items = kMaxFingerprints},
          fingerprints);
}

template <typename V>
void describe_ice(V& v, std::string& ufrag, std::string& password) {
  v.group({.name = "ice", .help = "the peer's ICE credentials"}, [&](auto& w) {
    w.field({.name = "ufrag", .help = "user name fragment", .required = true, .text = &kIceUfrag}, ufrag);
    w.field({.name = "password", .help = "password", .required = true, .text = &kIcePassword}, password);
  });
}

inline constexpr Field kOwnIdleTimeout{
    .name = "idleTimeoutS",
    .help = "seconds without a sign of life of its own; 0 = never; default: it lives with its session",
    .range = kIdleTimeoutS};
inline constexpr Field kConsentTimeout{
    .name = "consentTimeoutMs",
    .help = "how long the peer's consent lasts (RFC 7675); 0 = for ever; default ice.consent_timeout_ms",
    .range = kConsentTimeoutMs};

template <typename V>
void describe_endpoint_extras(V& v, EndpointCreate& r) {
  v.only(kForSignalled, r.kind, [&](auto& w) {
    w.field({.name = "remote", .help = "where the peer is"}, r.remote);
    w.field({.name = "latch", .help = "when media may move the address that is sent to"}, r.latch);
  });
  v.only(kForRtp, r.kind, [&](auto& w) {
    w.field({.name = "latchNetwork", .help = "latch only to addresses in this prefix"}, r.latch_network);
  });
  v.only(kForSdes, r.kind, [&](auto& w) {
    w.field({.name = "profile", .help = "SRTP profile; default the first configured"}, r.profile);
    w.field(
        {.name = "receiveKey", .help = "what the peer sends with; unknown until endpoint.connect tells it"},
        r.receive_key);
    w.field({.name = "sendKey", .help = "what sluice sends with; made up when not given"}, r.send_key);
    describe_mkis(w, r.receive_mki, r.send_mki);
    describe_positions(w, r.rollover_counters);
    w.field({.name = "srtcpIndex",
             .help = "the last SRTCP index that another node has sent with sendKey",
             .range = kSrtcpIndex},
            r.srtcp_index);
  });
  v.only(kForWebrtc, r.kind, [&](auto& w) {
    w.field(kConsentTimeout, r.consent_timeout_ms);
    w.field({.name = "transport", .help = "a port of its own, or the worker's shared ICE port"}, r.transport);
    w.group({.name = "dtls", .help = "sluice's DTLS role, and the peer's certificate"}, [&](auto& dtls) {
      dtls.field(
          {.name = "setup", .help = "sluice's role; default passive; actpass: endpoint.connect tells it"},
          r.setup);
      describe_fingerprints(dtls, r.fingerprints);
    });
    describe_ice(w, r.ice_ufrag, r.ice_password);
  });
}

template <typename V>
void describe(V& v, EndpointCreate& r) {
  v.field(kSession, r.session);
  v.field(kNewId, r.id);
  v.field({.name = "kind", .help = "what the peer speaks", .required = true}, r.kind);
  v.field({.name = "port", .help = "a [[ports]] name; default the first"}, r.port);
  v.field({.name = "family", .help = "default IPv4 when the port has it"}, r.family);
  v.field({.name = "localAddress", .help = "one of the port's own; default the first with UDP ports left"},
          r.local_address);
  v.field({.name = "rtcpMux", .help = "RTCP on the RTP port; default true for webrtc, else false"},
          r.rtcp_mux);
  v.field({.name = "midExtensionId",
           .help = "header extension that carries the mid; 0 = none",
           .range = kMidExtensionId},
          r.mid_extension_id);
  v.field({.name = "ridExtensionId",
           .help = "header extension that carries the rid (RFC 8852); 0 = none",
           .range = kMidExtensionId},
          r.rid_extension_id);
  v.field({.name = "repairedRidExtensionId",
           .help = "header extension of RTX and FEC that names what they repair (RFC 8852); 0 = none",
           .range = kMidExtensionId},
          r.repaired_rid_extension_id);
  v.field({.name = "repairPayloadTypes",
           .help = "of its RTX and FEC streams: they feed no route that does not name their SSRC",
           .range = kPayloadType,
           .max_items = kMaxRepairTypes},
          r.repair_payload_types);
  v.field({.name = "dscp", .help = "of what is sent to the peer", .range = kDscp}, r.dscp);
  v.field(kOwnIdleTimeout, r.idle_timeout_s);
  describe_endpoint_extras(v, r);
}

template <typename V>
void describe(V& v, EndpointConnect& r) {
  v.field(kSession, r.session);
  v.field(kId, r.id);
  v.field(kOwnIdleTimeout, r.idle_timeout_s);
  v.field(kConsentTimeout, r.consent_timeout_ms);
  v.field({.name = "kind", .help = "what the peer speaks from now on: rtp or sdes"}, r.kind);
  v.field({.name = "rtcpMux", .help = "RTCP on the RTP port, as the peer has answered"}, r.rtcp_mux);
  v.field({.name = "remote", .help = "where the peer is"}, r.remote);
  v.field({.name = "profile", .help = "SRTP profile of both keys"}, r.profile);
  v.field({.name = "receiveKey", .help = "what the peer sends with"}, r.receive_key);
  v.field({.name = "sendKey", .help = "what sluice sends with, when it is another key than before"},
          r.send_key);
  describe_mkis(v, r.receive_mki, r.send_mki);
  describe_positions(v, r.rollover_counters);
  v.group({.name = "dtls", .help = "sluice's DTLS role, and the peer's certificate"}, [&](auto& dtls) {
    dtls.field({.name = "setup", .help = "the role that the peer has left to sluice"}, r.setup);
    describe_fingerprints(dtls, r.fingerprints);
  });
  describe_ice(v, r.ice_ufrag, r.ice_password);
}

template <typename V>
void describe(V& v, RouteCreate& r) {
  v.field(kSession, r.session);
  v.field(kNewId, r.id);
  v.field({.name = "from", .help = "which stream", .required = true}, r.from);
  v.field({.name = "to", .help = "the endpoint that it goes to", .required = true, .text = &kObjectId}, r.to);
  v.field({.name = "ssrc", .help = "the outgoing SSRC; made up when not given", .range = kSsrc}, r.ssrc);
  v.field({.name = "clockRate", .help = "RTP clock, Hz", .required = true, .range = kClockRateHz},
          r.clock_rate);
  v.field({.name = "payloadTypes",
           .help = "payload types from the source to the receiver; none = all as they are",
           .max_items = kMaxPayloadTypes},
          r.payload_types);
  v.field({.name = "headerExtensions",
           .help = "header extension ids; when given, others are taken out",
           .max_items = kMaxExtensionMappings},
          r.header_extensions);
  v.field({.name = "keyframeOnSwitch", .help = "ask the publisher for a key frame when its source begins"},
          r.keyframe_on_switch);
  v.field({.name = "rolloverCounter", .help = "of the first packet; default 0", .range = kRolloverCounter},
          r.rollover_counter);
  v.field({.name = "sequence",
           .help = "number of the first packet, when another node has sent the ones before with this ssrc",
           .range = kSequence},
          r.sequence);
  v.field({.name = "retransmit",
           .help = "answer the receiver's NACK from the packet cache; default true for webrtc, false else"},
          r.retransmit);
  v.field({.name = "dscp", .help = "of its packets; default that of the endpoint", .range = kDscp}, r.dscp);
}

template <typename V>
void describe(V& v, RouteSwitch& r) {
  v.field(kSession, r.session);
  v.field(kId, r.id);
  v.field({.name = "from", .help = "which stream from now on", .required = true}, r.from);
}

template <typename V>
void describe(V&, VersionGet&) {}
inline constexpr Field kIdleTimeout{
    .name = "idleTimeoutS",
    .help = "seconds without a sign of life until the end; 0 = never; default limits.idle_timeout_s",
    .range = kIdleTimeoutS};
inline constexpr Field kLease{
    .name = "leaseS", .help = "seconds until the end unless it is renewed; 0 = no end", .range = kLeaseS};

template <typename V>
void describe(V& v, SessionCreate& r) {
  v.field(kNewId, r.id);
  v.field(kIdleTimeout, r.idle_timeout_s);
  v.field(kLease, r.lease_s);
}
template <typename V>
void describe(V& v, SessionRenew& r) {
  v.field(kId, r.id);
  v.field(kIdleTimeout, r.idle_timeout_s);
  v.field(kLease, r.lease_s);
}
/// The part of a list that is wanted.
template <typename V>
void describe_range(V& v, PageRequest& r) {
  v.field({.name = "cursor", .help = "the nextCursor of the page before", .text = &kCursor}, r.cursor);
  v.field({.name = "limit", .help = "the most in one answer; default 100", .range = kPageLimit}, r.limit);
}
template <typename V>
void describe_page(V& v, PageRequest& r) {
  describe_range(v, r);
  v.field({.name = "count", .help = "only their number"}, r.count);
}
template <typename V>
void describe(V& v, SessionList& r) {
  v.field({.name = "prefix", .help = "only ids that begin with it", .text = &kObjectId}, r.prefix);
  v.field({.name = "olderThanS", .help = "only those made so many seconds ago or earlier", .range = kAgeS},
          r.older_than_s);
  describe_page(v, r.page);
}
template <typename V>
void describe(V& v, SessionGet& r) {
  v.field(kId, r.id);
}
template <typename V>
void describe(V& v, SessionRemove& r) {
  v.field(kId, r.id);
}
template <typename V>
void describe(V& v, EndpointList& r) {
  v.field(kOfSession, r.session);
  v.field({.name = "kind", .help = "only of this kind"}, r.kind);
  v.field({.name = "state", .help = "only in this state"}, r.state);
  v.field({.name = "port", .help = "only on this [[ports]] name"}, r.port);
  describe_page(v, r.page);
}
template <typename V>
void describe(V& v, RouteList& r) {
  v.field(kOfSession, r.session);
  v.field({.name = "from", .help = "only from this endpoint", .text = &kObjectId}, r.from);
  v.field({.name = "to", .help = "only to this endpoint", .text = &kObjectId}, r.to);
  describe_page(v, r.page);
}
template <typename V>
void describe(V& v, EndpointGet& r) {
  v.field(kSession, r.session);
  v.field(kId, r.id);
  v.field({.name = "showKeys", .help = "with the media keys and the ICE password"}, r.show_keys);
}
template <typename V, typename R>
requires(std::is_same_v<R, EndpointRemove> || std::is_same_v<R, RouteGet> ||
         std::is_same_v<R, RouteRemove>) void describe(V& v, R& r) {
  v.field(kSession, r.session);
  v.field(kId, r.id);
}
template <typename V>
void describe(V& v, StreamList& r) {
  v.field(kOfSession, r.session);
  v.field({.name = "endpoint", .help = "only from this endpoint", .text = &kObjectId}, r.endpoint);
  v.field({.name = "ssrc", .help = "only with this SSRC", .range = kSsrc}, r.ssrc);
  describe_page(v, r.page);
}
template <typename V>
void describe(V& v, PortList& r) {
  v.field({.name = "udpPort", .help = "only this one among those handed out", .range = kUdpPort}, r.udp_port);
  describe_range(v, r.page);
}
template <typename V>
void describe(V& v, NeighborList& r) {
  v.field({.name = "port", .help = "only on this [[ports]] name"}, r.port);
  v.field({.name = "state", .help = "only in this state"}, r.state);
  describe_page(v, r.page);
}
template <typename V>
void describe(V&, WorkerList&) {}
template <typename V>
void describe(V& v, DropList& r) {
  v.field({.name = "worker", .help = "only of this worker", .range = {0, config::kWorkerCountRange.max - 1}},
          r.worker);
}
template <typename V>
void describe(V&, EventSubscribe&) {}
template <typename V>
void describe(V&, Shutdown&) {}

// clang-format off
template <> struct TextOf<VersionGet> { static constexpr MethodText kText{
    "version", "what is running: versions, the crypto engine, the SRTP profiles on offer", "version"}; };
template <> struct TextOf<SessionCreate> { static constexpr MethodText kText{
    "session.create", "make a session: a call or a room", "session create call-1"}; };
template <> struct TextOf<SessionRenew> { static constexpr MethodText kText{
    "session.renew", "say that the call is still wanted, and for how long",
    "session renew call-1 --lease-s 120"}; };
template <> struct TextOf<SessionList> { static constexpr MethodText kText{
    "session.list", "sessions, by id", "session list --watch 1"}; };
template <> struct TextOf<SessionGet> { static constexpr MethodText kText{
    "session.get", "one session with its endpoints and routes", "session get call-1"}; };
template <> struct TextOf<SessionRemove> { static constexpr MethodText kText{
    "session.remove", "end a session and everything in it", "session remove call-1"}; };
template <> struct TextOf<EndpointCreate> { static constexpr MethodText kText{
    "endpoint.create", "allocate an endpoint for one remote peer",
    "endpoint create call-1 --id alice --kind rtp --remote 198.18.0.2:4000"}; };
template <> struct TextOf<EndpointConnect> { static constexpr MethodText kText{
    "endpoint.connect", "tell the peer's side of an endpoint: when it is known, and when it changes",
    "endpoint connect call-1 alice --remote 198.18.0.2:4000"}; };
template <> struct TextOf<EndpointList> { static constexpr MethodText kText{
    "endpoint.list", "allocated endpoints, whether anything flows or not",
    "endpoint list call-1 --state connected"}; };
template <> struct TextOf<EndpointGet> { static constexpr MethodText kText{
    "endpoint.get", "one endpoint with its counts", "endpoint get call-1 alice"}; };
template <> struct TextOf<EndpointRemove> { static constexpr MethodText kText{
    "endpoint.remove", "end an endpoint: close_notify, BYE, then free it", "endpoint remove call-1 alice"}; };
template <> struct TextOf<RouteCreate> { static constexpr MethodText kText{
    "route.create", "lead a stream to an endpoint",
    "route create call-1 --id r1 --from alice --to bob --clock-rate 48000 "
    "--payload-types 111:96"}; };
template <> struct TextOf<RouteSwitch> { static constexpr MethodText kText{
    "route.switch", "feed a route from another source from the next packet on",
    "route switch call-1 r1 --from carol"}; };
template <> struct TextOf<RouteList> { static constexpr MethodText kText{
    "route.list", "routes, by session and id", "route list call-1"}; };
template <> struct TextOf<RouteGet> { static constexpr MethodText kText{
    "route.get", "one route with its counts", "route get call-1 r1"}; };
template <> struct TextOf<RouteRemove> { static constexpr MethodText kText{
    "route.remove", "end a route", "route remove call-1 r1"}; };
template <> struct TextOf<StreamList> { static constexpr MethodText kText{
    "stream.list", "what flows in: incoming streams, with their rates and losses",
    "stream list call-1 --watch 1"}; };
template <> struct TextOf<PortList> { static constexpr MethodText kText{
    "port.list", "network ports, and the UDP ports handed out", "port list"}; };
template <> struct TextOf<NeighborList> { static constexpr MethodText kText{
    "neighbor.list", "the stations on the links: who answers, with which MAC, since when",
    "neighbor list --state failed"}; };
template <> struct TextOf<WorkerList> { static constexpr MethodText kText{
    "worker.list", "workers with their load and their packet ledger", "worker list --watch 1"}; };
template <> struct TextOf<DropList> { static constexpr MethodText kText{
    "drop.list", "dropped packets by reason", "drop list --worker 0"}; };
template <> struct TextOf<EventSubscribe> { static constexpr MethodText kText{
    "event.subscribe", "follow events on this connection", "events"}; };
template <> struct TextOf<Shutdown> { static constexpr MethodText kText{
    "shutdown", "end the daemon in order", "shutdown"}; };
// clang-format on

}  // namespace sluice::control::fields
