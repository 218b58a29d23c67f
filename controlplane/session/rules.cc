#include "controlplane/session/rules.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <array>
#include <utility>

#include "controlplane/protocol/dtls/dtls_fingerprint.h"
#include "controlplane/session/names.h"

namespace sluice::control {
namespace {

using dataplane::EndpointKind;
using dataplane::LatchPolicy;
using Refusal = std::optional<RequestError>;

Refusal check_range(std::string_view param, std::int64_t found, const Range& range) {
  if (range.has(found)) return std::nullopt;
  return refuse_parameter(param, std::to_string(found), range.allowed());
}

/// An empty `text` is valid: the parameter was not given.
Refusal check_text(std::string_view param, std::string_view text, const TextRule& rule) {
  if (text.empty() || rule.fits(text)) return std::nullopt;
  return refuse_parameter(param, rule.found(text), rule.allowed());
}

Refusal check_idle_timeout(const std::optional<std::uint32_t>& seconds) {
  return check_range("idleTimeoutS", seconds.value_or(0), kIdleTimeoutS);
}

Refusal check_consent_timeout(const std::optional<std::uint32_t>& ms) {
  const std::uint32_t found = ms.value_or(0);
  if (found == 0 || (found >= kLeastConsentMs && kConsentTimeoutMs.has(found))) return std::nullopt;
  return refuse_parameter("consentTimeoutMs", std::to_string(found),
                          fmt::format("0, or {}..{}", kLeastConsentMs, kConsentTimeoutMs.max));
}

/// An endpoint has no meaning without its session.
Refusal check_filter(std::string_view param, std::string_view endpoint, std::string_view session) {
  if (endpoint.empty() || !session.empty()) return std::nullopt;
  return refuse_parameter(param, "it without session", fmt::format("session and {0}, or no {0}", param));
}

Refusal check_remote(const std::optional<RemoteAddress>& remote) {
  if (!remote) return std::nullopt;
  if (!is_host_address(remote->address))
    return refuse_parameter("remote.address", quoted(remote->address.to_string()), kHostAddressText);
  return check_range("remote.rtpPort", remote->rtp_port, kUdpPort);
}

// Unknown algorithms are passed over (RFC 8122 5), but one must be known.
Refusal check_algorithms(const std::vector<Fingerprint>& fingerprints) {
  const bool any = std::any_of(fingerprints.begin(), fingerprints.end(), [](const Fingerprint& fingerprint) {
    return find_fingerprint_hash(fingerprint.algorithm) != nullptr;
  });
  if (any || fingerprints.empty()) return std::nullopt;
  std::string names;
  for (const auto& known : kFingerprintHashes) names.append(names.empty() ? "" : ", ").append(known.name);
  return refuse_parameter("dtls.fingerprints[0].algorithm", quoted(fingerprints[0].algorithm),
                          "at least one of " + names);
}

Refusal check_fingerprint(const std::string& param, const Fingerprint& fingerprint) {
  const FingerprintHashInfo* hash = find_fingerprint_hash(fingerprint.algorithm);
  if (hash == nullptr) return std::nullopt;
  const auto pairs = count_hex_pairs(fingerprint.value);
  if (pairs == hash->length) return std::nullopt;
  return refuse_parameter(
      param + ".value",
      pairs ? fmt::format("{} bytes for {}", *pairs, hash->name) : quoted(fingerprint.value),
      fmt::format("{} bytes for {}: hexadecimal pairs with colons between", hash->length, hash->name));
}

Refusal check_peer(const std::vector<Fingerprint>& fingerprints, std::string_view ufrag,
                   std::string_view password) {
  if (fingerprints.size() > kMaxFingerprints)
    return refuse_count("dtls.fingerprints", fingerprints.size(), kMaxFingerprints);
  if (auto error = check_algorithms(fingerprints)) return error;
  for (std::size_t i = 0; i < fingerprints.size(); ++i)
    if (auto error = check_fingerprint(fmt::format("dtls.fingerprints[{}]", i), fingerprints[i]))
      return error;
  if (auto error = check_text("ice.ufrag", ufrag, kIceUfrag)) return error;
  return check_text("ice.password", password, kIcePassword);
}

struct Given {
  std::string_view param;
  bool is_given;
  const ForKinds& kinds;
};

Refusal check_given(std::span<const Given> all, EndpointKind kind) {
  for (const Given& given : all)
    if (given.is_given && !given.kinds.has(kind)) return refuse_for_kind(given.param, given.kinds.text());
  return std::nullopt;
}

Refusal check_webrtc_mux(EndpointKind kind, std::optional<bool> rtcp_mux) {
  if (kind != EndpointKind::kWebrtc || rtcp_mux != false) return std::nullopt;
  return refuse_parameter("rtcpMux", "false", "true for kind webrtc");
}

/// Refuses parameters of other kinds of endpoint.
Refusal check_kind(const EndpointCreate& r) {
  const Given all[] = {
      {"remote", r.remote.has_value(), kForSignalled},
      {"latch", r.latch.has_value(), kForSignalled},
      {"latchNetwork", r.latch_network.has_value(), kForRtp},
      {"profile", r.profile.has_value(), kForSdes},
      {"receiveKey", !r.receive_key.empty(), kForSdes},
      {"sendKey", !r.send_key.empty(), kForSdes},
      {"receiveMki", r.receive_mki.has_value(), kForSdes},
      {"sendMki", r.send_mki.has_value(), kForSdes},
      {"rolloverCounters", !r.rollover_counters.empty(), kForSdes},
      {"srtcpIndex", r.srtcp_index != 0, kForSdes},
      {"transport", r.transport != IceTransport::kOwn, kForWebrtc},
      {"dtls", !r.fingerprints.empty() || r.setup != DtlsSetup::kPassive, kForWebrtc},
      {"ice", !r.ice_ufrag.empty() || !r.ice_password.empty(), kForWebrtc},
  };
  if (auto error = check_given(all, r.kind)) return error;
  return check_webrtc_mux(r.kind, r.rtcp_mux);
}

Refusal check_latch(const EndpointCreate& r) {
  const auto allowed = latches_of(r.kind);
  if (r.latch && std::find(allowed.begin(), allowed.end(), *r.latch) == allowed.end())
    return refuse_parameter("latch",
                            fmt::format("\"{}\" for kind {}", choice_name(*r.latch), choice_name(r.kind)),
                            choice_list(allowed));
  if (r.latch_network && effective_latch(r) != LatchPolicy::kOnce)
    return refuse_parameter("latchNetwork", r.latch_network->to_string(), "only with latch \"once\"");
  return std::nullopt;
}

// A stream stands at one place.
Refusal check_positions(const std::vector<StreamPosition>& positions) {
  if (positions.size() > kMaxRolloverCounters)
    return refuse_count("rolloverCounters", positions.size(), kMaxRolloverCounters);
  for (std::size_t i = 0; i < positions.size(); ++i)
    for (std::size_t before = 0; before < i; ++before)
      if (positions[i].ssrc == positions[before].ssrc)
        return refuse_parameter(fmt::format("rolloverCounters[{}].ssrc", i),
                                fmt::format("{}, which stands before", positions[i].ssrc), "each SSRC once");
  return std::nullopt;
}

Refusal check_mki(std::string_view param, const std::optional<Mki>& mki) {
  if (!mki) return std::nullopt;
  if (auto error = check_range(fmt::format("{}.length", param), mki->length, kMkiLength)) return error;
  const std::int64_t most = (std::int64_t{1} << 8 * mki->length) - 1;
  return check_range(fmt::format("{}.value", param), mki->value, {0, most});
}

Refusal check_keys(const EndpointCreate& r) {
  if (r.kind != EndpointKind::kSdes) return std::nullopt;
  if (r.profile)
    if (auto error = check_given_keys(r, *r.profile)) return error;
  if (!r.rollover_counters.empty() && r.receive_key.empty()) return refuse_missing("receiveKey");
  if (auto error = check_positions(r.rollover_counters)) return error;
  if (auto error = check_mki("receiveMki", r.receive_mki)) return error;
  if (auto error = check_mki("sendMki", r.send_mki)) return error;
  if (auto error = check_range("srtcpIndex", r.srtcp_index, kSrtcpIndex)) return error;
  return check_key_pair(r.send_key, r.receive_key);
}

Refusal check_types(std::string_view param, const std::vector<std::uint8_t>& types, std::size_t most) {
  if (types.size() > most) return refuse_count(param, types.size(), most);
  for (std::size_t i = 0; i < types.size(); ++i)
    if (auto error = check_range(fmt::format("{}[{}]", param, i), types[i], kPayloadType)) return error;
  return std::nullopt;
}

// A header extension has one meaning (RFC 8285 5).
Refusal check_name_extensions(const EndpointCreate& request) {
  const std::array<std::pair<std::string_view, std::uint8_t>, 3> ids{
      {{"midExtensionId", request.mid_extension_id},
       {"ridExtensionId", request.rid_extension_id},
       {"repairedRidExtensionId", request.repaired_rid_extension_id}}};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (auto error = check_range(ids[i].first, ids[i].second, kMidExtensionId)) return error;
    for (std::size_t before = 0; before < i; ++before)
      if (ids[i].second != 0 && ids[i].second == ids[before].second)
        return refuse_parameter(ids[i].first, std::to_string(ids[i].second),
                                fmt::format("another id than {}", ids[before].first));
  }
  return std::nullopt;
}

Refusal check_payload_types(const std::vector<NumberMapping>& mappings) {
  constexpr std::string_view kParam = "payloadTypes";
  if (mappings.size() > kMaxPayloadTypes) return refuse_count(kParam, mappings.size(), kMaxPayloadTypes);
  std::array<bool, kPayloadType.max + 1> seen{};
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const NumberMapping& mapping = mappings[i];
    if (auto error = check_range(fmt::format("{}[{}].from", kParam, i), mapping.from, kPayloadType))
      return error;
    if (auto error = check_range(fmt::format("{}[{}].to", kParam, i), mapping.to, kPayloadType)) return error;
    if (std::exchange(seen[mapping.from], true))
      return refuse_parameter(kParam, fmt::format("{} mapped twice", mapping.from), "one mapping from each");
  }
  return std::nullopt;
}

/// An id names one extension in each packet (RFC 8285 5). So no two ids may be mapped to the same id.
Refusal check_extensions(const std::vector<NumberMapping>& mappings) {
  constexpr std::string_view kParam = "headerExtensions";
  if (mappings.size() > kMaxExtensionMappings)
    return refuse_count(kParam, mappings.size(), kMaxExtensionMappings);
  std::array<bool, kHeaderExtensionId.max + 1> from{}, to{};
  for (const NumberMapping& mapping : mappings) {
    if (!kHeaderExtensionId.has(mapping.from) || !kHeaderExtensionId.has(mapping.to))
      return refuse_parameter(kParam, fmt::format("{} to {}", mapping.from, mapping.to),
                              fmt::format("header extension ids {}", kHeaderExtensionId.text()));
    if (std::exchange(from[mapping.from], true) || std::exchange(to[mapping.to], true))
      return refuse_parameter(kParam, fmt::format("{} to {} again", mapping.from, mapping.to),
                              "each id once on either side");
  }
  return std::nullopt;
}

}  // namespace

std::string ForKinds::text() const {
  std::string text = fmt::format("kind {}", choice_name(kinds[0]));
  if (kinds[1] != kinds[0]) text += fmt::format(" and kind {}", choice_name(kinds[1]));
  return text;
}

std::span<const LatchPolicy> latches_of(EndpointKind kind) {
  // Plain RTP has no authentication, so a latch must trust the first sender. SRTP has it, so kOnce is never
  // needed.
  static constexpr std::array kRtp{LatchPolicy::kFixed, LatchPolicy::kOnce};
  static constexpr std::array kSdes{LatchPolicy::kAuthenticated, LatchPolicy::kFixed};
  switch (kind) {
    case EndpointKind::kRtp:
      return kRtp;
    case EndpointKind::kSdes:
      return kSdes;
    case EndpointKind::kWebrtc:
      break;
  }
  return {};
}

LatchPolicy effective_latch(const EndpointCreate& request) {
  if (request.latch) return *request.latch;
  if (request.kind == EndpointKind::kRtp && !request.remote) return LatchPolicy::kOnce;
  const auto usual = latches_of(request.kind);
  return usual.empty() ? LatchPolicy::kFixed : usual.front();
}

LatchPolicy latch_of(const EndpointCreate& request, EndpointKind now) {
  if (now == request.kind) return effective_latch(request);
  if (request.latch == LatchPolicy::kFixed) return LatchPolicy::kFixed;
  return now == EndpointKind::kRtp ? LatchPolicy::kOnce : LatchPolicy::kAuthenticated;
}

bool has_latch_deadline(const EndpointCreate& request, LatchPolicy latch) {
  return latch == LatchPolicy::kOnce && !request.latch_network;
}

bool is_host_address(const config::IpAddress& address) {
  return !address.is_unspecified() && !address.is_multicast();
}

bool is_master_length(std::size_t length) {
  return std::any_of(crypto::kSrtpProfileInfos.begin(), crypto::kSrtpProfileInfos.end(),
                     [&](const auto& info) { return info.master_length() == length; });
}

std::string master_lengths_text() {
  std::string text;
  for (const auto& info : crypto::kSrtpProfileInfos)
    text += fmt::format("{}{} bytes for {}", text.empty() ? "" : ", ", info.master_length(), info.name);
  return text;
}

Refusal check_key(std::string_view param, const SrtpKeyBytes& key, crypto::SrtpProfile profile) {
  const crypto::SrtpProfileInfo& info = crypto::profile_info(profile);
  if (key.size() == info.master_length()) return std::nullopt;
  return refuse_parameter(param, fmt::format("{} bytes", key.size()),
                          fmt::format("{} bytes: {} of key and {} of salt for {}", info.master_length(),
                                      info.key_length, info.salt_length, info.name));
}

Refusal check_given_keys(const EndpointCreate& request, crypto::SrtpProfile profile) {
  if (!request.receive_key.empty())
    if (auto error = check_key("receiveKey", request.receive_key, profile)) return error;
  return request.send_key.empty() ? std::nullopt : check_key("sendKey", request.send_key, profile);
}

bool equal_keys(const SrtpKeyBytes& a, const SrtpKeyBytes& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Refusal check_key_pair(const SrtpKeyBytes& send, const SrtpKeyBytes& receive) {
  if (send.empty() || !equal_keys(send, receive)) return std::nullopt;
  return refuse_parameter("sendKey", "the receiveKey", "another key, or none for one that is made");
}

RequestError refuse_missing(std::string_view param) {
  return refuse_parameter(param, "nothing", "it is required");
}

RequestError refuse_for_kind(std::string_view param, std::string_view allowed) {
  return refuse_parameter(param, "it given", fmt::format("only for {}", allowed));
}

RequestError refuse_count(std::string_view param, std::size_t found, std::size_t most) {
  return refuse_parameter(param, fmt::format("a list of {}", found),
                          fmt::format("a list of at most {}", most));
}

std::optional<std::uint8_t> rtcp_like_type(const std::vector<NumberMapping>& mappings) {
  for (const NumberMapping& mapping : mappings)
    if (kRtcpPayloadTypes.has(mapping.to)) return mapping.to;
  return std::nullopt;
}

bool same_parameters(const SessionCreate& a, const SessionCreate& b) {
  return a.idle_timeout_s == b.idle_timeout_s && a.lease_s == b.lease_s;
}

Refusal check(const SessionCreate& request) {
  if (auto error = check_new_id(request.id)) return error;
  if (auto error = check_idle_timeout(request.idle_timeout_s)) return error;
  return check_range("leaseS", request.lease_s, kLeaseS);
}

Refusal check(const SessionRenew& request) {
  if (auto error = check_idle_timeout(request.idle_timeout_s)) return error;
  return check_range("leaseS", request.lease_s.value_or(0), kLeaseS);
}

Refusal check(const EndpointCreate& request) {
  if (auto error = check_new_id(request.id)) return error;
  if (auto error = check_name_extensions(request)) return error;
  if (auto error = check_idle_timeout(request.idle_timeout_s)) return error;
  if (auto error = check_consent_timeout(request.consent_timeout_ms)) return error;
  if (auto error = check_range("dscp", request.dscp, kDscp)) return error;
  if (auto error = check_types("repairPayloadTypes", request.repair_payload_types, kMaxRepairTypes))
    return error;
  if (auto error = check_kind(request)) return error;
  if (auto error = check_latch(request)) return error;
  if (auto error = check_keys(request)) return error;
  if (auto error = check_remote(request.remote)) return error;
  return check_peer(request.fingerprints, request.ice_ufrag, request.ice_password);
}

Refusal check(const EndpointConnect& request) {
  if (auto error = check_idle_timeout(request.idle_timeout_s)) return error;
  if (auto error = check_consent_timeout(request.consent_timeout_ms)) return error;
  if (request.setup == DtlsSetup::kActpass)
    return refuse_parameter("dtls.setup", "\"actpass\"", "passive, active: what the peer has left to sluice");
  if (auto error = check_positions(request.rollover_counters)) return error;
  if (auto error = check_mki("receiveMki", request.receive_mki)) return error;
  if (auto error = check_mki("sendMki", request.send_mki)) return error;
  if (auto error = check_remote(request.remote)) return error;
  return check_peer(request.fingerprints, request.ice_ufrag, request.ice_password);
}

Refusal check_kind(const EndpointConnect& r, EndpointKind kind) {
  if (kind == EndpointKind::kWebrtc && r.kind && *r.kind != kind)
    return refuse_parameter("kind", choice_name(*r.kind), "webrtc, as the endpoint is");
  // Whether an rtp endpoint becomes an sdes one is told by plan_peer().
  const Given all[] = {
      {"remote", r.remote.has_value(), kForSignalled},
      {"consentTimeoutMs", r.consent_timeout_ms.has_value(), kForWebrtc},
      {"profile", r.profile.has_value(), kForSignalled},
      {"receiveKey", !r.receive_key.empty(), kForSignalled},
      {"sendKey", !r.send_key.empty(), kForSignalled},
      {"receiveMki", r.receive_mki.has_value(), kForSignalled},
      {"sendMki", r.send_mki.has_value(), kForSignalled},
      {"rolloverCounters", !r.rollover_counters.empty(), kForSignalled},
      {"dtls", !r.fingerprints.empty() || r.setup.has_value(), kForWebrtc},
      {"ice", !r.ice_ufrag.empty() || !r.ice_password.empty(), kForWebrtc},
  };
  if (auto error = check_given(all, kind)) return error;
  return check_webrtc_mux(kind, r.rtcp_mux);
}

Refusal check(const RouteCreate& request) {
  if (auto error = check_new_id(request.id)) return error;
  if (auto error = check_selector(request.from)) return error;
  if (auto error = check_range("clockRate", request.clock_rate, kClockRateHz)) return error;
  if (auto error = check_payload_types(request.payload_types)) return error;
  if (auto error = check_range("dscp", request.dscp.value_or(0), kDscp)) return error;
  if (request.rollover_counter && !request.sequence) return refuse_missing("sequence");
  if (request.sequence && !request.ssrc) return refuse_missing("ssrc");
  return request.header_extensions ? check_extensions(*request.header_extensions) : std::nullopt;
}

Refusal check(const RouteSwitch& request) {
  return check_selector(request.from);
}

Refusal check_new_id(std::string_view id) {
  return check_text("id", id, kObjectId);
}

Refusal check_selector(const SourceSelector& selector) {
  const int given = int{selector.ssrc.has_value()} + int{!selector.payload_types.empty()} +
                    int{!selector.mid.empty() || !selector.rid.empty()};
  if (given > 1)
    return refuse_parameter("from.endpoint",
                            fmt::format("{} of ssrc, payloadTypes and mid or rid with it", given),
                            "at most one of ssrc, payloadTypes and mid or rid; none of them is any stream");
  if (auto error = check_types("from.payloadTypes", selector.payload_types, kMaxPayloadTypes)) return error;
  if (auto error = check_text("from.mid", selector.mid, kMid)) return error;
  return check_text("from.rid", selector.rid, kRid);
}

Refusal check(const StreamList& request) {
  return check_filter("endpoint", request.endpoint, request.session);
}

Refusal check(const RouteList& request) {
  if (auto error = check_filter("from", request.from, request.session)) return error;
  return check_filter("to", request.to, request.session);
}

RequestError refuse_cursor(std::string_view cursor) {
  return refuse_parameter("cursor", kCursor.found(cursor), "the nextCursor of a list of the same kind");
}

}  // namespace sluice::control
