// model: the requests and objects of docs/api.md as plain values. api.h turns requests from and to JSON, for
// daemon and command line; api_views.h renders objects. sessions.h carries requests out, rules.h says which
// values are valid, errors.h says why one is refused. Plain values; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/ip_address.h"
#include "controlplane/protocol/neighbor/neighbor_state.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_profile.h"
#include "dataplane/base/endpoint_kind.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

/// A peer's address. In a request, rtcp_port 0 means rtp_port with rtcp-mux, else rtp_port + 1.
struct RemoteAddress {
  config::IpAddress address;
  std::uint16_t rtp_port = 0;
  std::uint16_t rtcp_port = 0;
  bool operator==(const RemoteAddress&) const = default;
};

/// A certificate fingerprint as signalling carries it (RFC 8122 5). The comparison ignores case in both
/// members.
struct Fingerprint {
  std::string algorithm;  // "sha-256", "sha-384", "sha-512"
  std::string value;      // "AB:CD:..."
  bool operator==(const Fingerprint& other) const {
    return equal_but_for_case(algorithm, other.algorithm) && equal_but_for_case(value, other.value);
  }

 private:
  static bool equal_but_for_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
  }
};

/// The role of sluice (RFC 5763). With kActpass the peer chooses: sluice waits for the peer's ClientHello
/// until endpoint.connect says otherwise.
enum class DtlsSetup : std::uint8_t { kPassive, kActive, kActpass };
enum class IceTransport : std::uint8_t { kOwn, kShared };

using SrtpKeyBytes = crypto::Secret<crypto::kMaxMasterKey + crypto::kMaxMasterSalt>;  // key || salt

/// Where an incoming SRTP stream stands that began elsewhere (RFC 3711 3.3.1).
struct StreamPosition {
  std::uint32_t ssrc = 0;
  std::uint32_t rollover_counter = 0;
  std::optional<std::uint16_t> sequence;  // the highest with that counter; unset: not known
  bool operator==(const StreamPosition&) const = default;
};

/// The master key identifier that packets carry under a key (RFC 3711 3.1, RFC 4568 6.1).
struct Mki {
  std::uint32_t value = 0;
  std::uint8_t length = 0;  // bytes; 0 = packets carry none
  bool operator==(const Mki&) const = default;
};

struct SessionCreate {
  std::string id{};                               // empty = the daemon makes an id
  std::optional<std::uint32_t> idle_timeout_s{};  // unset = limits.idle_timeout_s
  std::uint32_t lease_s = 0;                      // 0 = none
};

/// A sign of life of the controller. Unset members stay as they are.
struct SessionRenew {
  std::string id{};
  std::optional<std::uint32_t> idle_timeout_s{};
  std::optional<std::uint32_t> lease_s{};
};

struct EndpointCreate {
  std::string session;
  std::string id;  // empty = the daemon makes an id
  dataplane::EndpointKind kind{};
  std::string port;  // name in [[ports]]; empty = the first one
  std::optional<config::IpFamily> family;
  std::optional<config::IpAddress> local_address;  // unset: any of that port and family
  std::optional<bool> rtcp_mux;
  std::uint8_t mid_extension_id = 0;  // 0 = none
  std::uint8_t rid_extension_id = 0;
  std::uint8_t repaired_rid_extension_id = 0;
  std::vector<std::uint8_t> repair_payload_types;  // of RTX (RFC 4588) and FEC with an SSRC of their own
  std::uint8_t dscp = 0;
  std::optional<std::uint32_t> idle_timeout_s;  // unset = judged with its session
  std::optional<RemoteAddress> remote;
  std::optional<dataplane::LatchPolicy> latch;
  std::optional<config::IpPrefix> latch_network;
  // sdes
  std::optional<crypto::SrtpProfile> profile;
  SrtpKeyBytes receive_key;  // empty = not known yet: sluice makes the offer
  SrtpKeyBytes send_key;     // empty = the daemon makes a key
  std::optional<Mki> receive_mki{}, send_mki{};
  std::vector<StreamPosition> rollover_counters;
  std::uint32_t srtcp_index = 0;  // the last one that was sent with send_key
  // webrtc
  std::optional<std::uint32_t> consent_timeout_ms;  // 0 = never; unset = ice.consent_timeout_ms
  IceTransport transport = IceTransport::kOwn;
  DtlsSetup setup = DtlsSetup::kPassive;
  std::vector<Fingerprint> fingerprints;
  std::string ice_ufrag;     // the peer's
  std::string ice_password;  // the peer's
};

/// The peer's side of an endpoint, when it becomes known after creation, and each time that it changes. What
/// is not set stays as it is.
struct EndpointConnect {
  std::string session;
  std::string id;
  std::optional<std::uint32_t> idle_timeout_s;
  std::optional<std::uint32_t> consent_timeout_ms;
  std::optional<dataplane::EndpointKind> kind;
  std::optional<bool> rtcp_mux;
  std::optional<RemoteAddress> remote;
  // sdes
  std::optional<crypto::SrtpProfile> profile;
  SrtpKeyBytes receive_key;
  SrtpKeyBytes send_key;
  std::optional<Mki> receive_mki{}, send_mki{};
  std::vector<StreamPosition> rollover_counters;
  // webrtc
  std::optional<DtlsSetup> setup;
  std::vector<Fingerprint> fingerprints;
  std::string ice_ufrag;
  std::string ice_password;
};

/// Selects a stream of an endpoint by its SSRC, by its payload types, or by its mid and rid. At most one of
/// the three; none = any stream.
struct SourceSelector {
  std::string endpoint;
  std::optional<std::uint32_t> ssrc;
  std::vector<std::uint8_t> payload_types;
  std::string mid;
  std::string rid = {};  // may be left out where a selector is written
  bool operator==(const SourceSelector&) const = default;
};

struct NumberMapping {
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  bool operator==(const NumberMapping&) const = default;
};

struct RouteCreate {
  std::string session;
  std::string id;
  SourceSelector from;
  std::string to;
  std::optional<std::uint32_t> ssrc;
  std::uint32_t clock_rate = 0;  // Hz, required
  std::vector<NumberMapping> payload_types;
  std::optional<std::vector<NumberMapping>> header_extensions;  // when set, other extensions are removed
  bool keyframe_on_switch = false;
  // The first packet's numbers, where another node has sent the ones before.
  std::optional<std::uint32_t> rollover_counter;
  std::optional<std::uint16_t> sequence;
  std::optional<bool> retransmit;         // unset: true for a webrtc receiver if there is a packet cache
  std::optional<std::uint8_t> dscp = {};  // of its packets; unset: that of the endpoint
};

struct RouteSwitch {
  std::string session;
  std::string id;
  SourceSelector from;
};

enum class EndpointState : std::uint8_t { kAllocated, kConnecting, kConnected, kFlowing, kFailed, kRemoving };

inline constexpr std::uint16_t kDefaultPageLimit = 100;

/// The part of a list that is wanted (page.h).
struct PageRequest {
  std::string cursor{};     // the next_cursor of the page before; empty = from the start
  std::uint16_t limit = 0;  // the most objects in the page; 0 = kDefaultPageLimit
  bool count = false;       // only their number
};

// The list requests. An empty member matches every object.
struct SessionList {
  PageRequest page{};
  std::string prefix{};  // of the id
  std::uint32_t older_than_s = 0;
};
struct EndpointList {
  PageRequest page{};
  std::string session{};
  std::optional<dataplane::EndpointKind> kind{};
  std::optional<EndpointState> state{};
  std::string port{};
};
struct RouteList {
  PageRequest page{};
  std::string session{};
  std::string from{}, to{};  // endpoints
};
struct StreamList {
  PageRequest page{};
  std::string session{}, endpoint{};
  std::optional<std::uint32_t> ssrc{};
};
/// The UDP ports that endpoints have.
struct PortList {
  PageRequest page{};  // of endpoints
  std::uint16_t udp_port = 0;
};
/// The stations that media, or an answer of ours, goes to.
struct NeighborList {
  PageRequest page{};
  std::string port{};  // a [[ports]] name
  std::optional<NeighborState> state{};
};

struct EndpointView {
  std::string session, id;
  dataplane::EndpointKind kind{};
  EndpointState state{};
  std::string reason;  // of kFailed and kRemoving
  std::string text;    // more about the reason; or, of a webrtc endpoint, why it does not connect
  std::string port;
  config::IpFamily family{};
  config::IpAddress local_address;
  std::uint16_t local_rtp_port = 0, local_rtcp_port = 0;
  bool rtcp_mux = false;
  std::optional<RemoteAddress> remote;
  dataplane::LatchPolicy latch{};
  std::uint16_t path_mtu = 0;  // the largest IP packet that passes to the peer
  std::size_t worker = 0;
  std::uint32_t idle_timeout_s = 0;  // 0 = never
  // sdes
  std::optional<crypto::SrtpProfile> profile;  // also webrtc, once negotiated
  SrtpKeyBytes send_key;
  SrtpKeyBytes receive_key;  // empty: not known yet
  Mki receive_mki{}, send_mki{};
  std::uint32_t srtcp_index = 0;
  // webrtc
  IceTransport transport{};
  DtlsSetup setup{};
  Fingerprint fingerprint;              // sluice's own
  std::string ice_ufrag, ice_password;  // sluice's own
  std::string ice_state, dtls_state;
  std::uint32_t consent_timeout_ms = 0;                                 // 0 = never
  std::vector<std::pair<std::string_view, std::uint64_t>> ice_refused;  // checks, by reason; those not zero
  std::uint64_t dtls_datagrams_refused = 0, dtls_records_refused = 0, dtls_retransmissions = 0;
  // counts
  std::uint64_t packets_received = 0, bytes_received = 0, packets_sent = 0, bytes_sent = 0, auth_failures = 0;
};

struct RouteView {
  std::string session, id;
  SourceSelector from;
  std::string to;
  std::size_t worker = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t clock_rate = 0;
  std::vector<NumberMapping> payload_types;
  std::optional<std::vector<NumberMapping>> header_extensions;
  bool keyframe_on_switch = false;
  bool retransmit = false;
  std::optional<std::uint8_t> dscp;  // of its own
  std::string state;                 // "active", "removing"
  // Of the next packet.
  std::optional<std::uint32_t> rollover_counter;  // unset: plain RTP
  std::uint16_t sequence = 0;
  std::uint64_t packets = 0, bytes = 0, retransmitted = 0, switches = 0;
};

struct StreamView {
  std::string session, endpoint;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  // Of the highest packet.
  std::optional<std::uint32_t> rollover_counter;  // unset: plain RTP
  std::uint16_t sequence = 0;
  std::uint64_t packet_count = 0, byte_count = 0;
  double bitrate = 0;  // bit/s over about the last second
  std::int64_t packets_lost = 0;
  double jitter_s = 0;
  std::uint64_t nack_count = 0, pli_count = 0, fir_count = 0;
  bool ended = false;
  std::uint32_t routes = 0;
  std::uint64_t last_packet_ms = 0;  // milliseconds since the last packet
};

struct UdpPortView {
  config::IpAddress address;
  std::uint16_t udp_port = 0;
  std::string session, endpoint;
  std::string component;  // "rtp", "rtcp", "rtp+rtcp", "ice" (shared)
};

struct NeighborView {
  std::string port;  // a [[ports]] name
  config::IpAddress address;
  NeighborState state{};
  bool is_gateway = false;
  std::optional<dataplane::MacAddress> mac;
  std::optional<std::uint64_t> age_ms;  // since its last answer
};

/// What the link of a port tells.
struct LinkView {
  std::optional<dataplane::MacAddress> gateway_mac{}, gateway6_mac{};  // unset: none, or not known
  std::uint64_t address_conflicts = 0;  // frames of other stations that use an address of the port
};

struct SessionView {
  std::string id;
  std::string state;  // "active", "removing"
  std::size_t worker = 0;
  std::vector<std::size_t> workers;  // the workers that its endpoints live on
  std::string created_at;            // RFC 3339, UTC
  std::size_t endpoints = 0, routes = 0;
  std::uint32_t idle_timeout_s = 0;           // 0 = never
  std::uint32_t lease_s = 0;                  // 0 = none
  std::optional<std::uint32_t> lease_left_s;  // until the session ends unless it is renewed
};

/// The object that already has the id of a creation.
struct ExistingObject {
  std::variant<EndpointView, RouteView, SessionView> view;
};

}  // namespace sluice::control
