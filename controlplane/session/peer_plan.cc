#include "controlplane/session/peer_plan.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>

#include "controlplane/session/endpoint_plan.h"
#include "controlplane/session/names.h"
#include "controlplane/session/rules.h"

namespace sluice::control {
namespace {

using dataplane::EndpointKind;
using Refusal = std::optional<RequestError>;

bool has_crypto(const EndpointConnect& request) {
  return request.profile || !request.receive_key.empty() || !request.send_key.empty() ||
         !request.rollover_counters.empty() || request.receive_mki || request.send_mki;
}

// With one UDP port there is none left for RTCP (RFC 5761 5.1.1). With RTCP on the RTP port, packets of some
// payload types look like RTCP (RFC 5761 4).
Refusal check_mux(const Endpoint& endpoint, const PeerPlan& plan) {
  if (!plan.rtcp_mux && !endpoint.port_pair)
    return refuse_late("rtcpMux", "false",
                       "true: an endpoint that is created with rtcpMux and with the peer's address has one "
                       "UDP port");
  if (!plan.rtcp_mux || endpoint.rtcp_mux) return std::nullopt;
  for (const Route& route : endpoint.incoming)
    if (const auto type = rtcp_like_type(route.request.payload_types))
      return refuse_parameter("rtcpMux", "true",
                              fmt::format("false: route \"{}\" sends payload type {}, which looks like RTCP",
                                          route.request.id, *type));
  return std::nullopt;
}

// A key that was not given again, and that does not fit another profile, is not known any more.
Refusal choose_key(std::string_view param, const SrtpKeyBytes& given, const SrtpKeyBytes& present,
                   crypto::SrtpProfile profile, SrtpKeyBytes& chosen) {
  if (!given.empty()) {
    if (auto error = check_key(param, given, profile)) return error;
    chosen = given;
  } else if (!check_key(param, present, profile)) {
    chosen = present;
  }
  return std::nullopt;
}

// An MKI names a key: it changes with its key only.
Refusal choose_mki(std::string_view param, const std::optional<Mki>& given, const Mki& present, bool new_key,
                   Mki& chosen) {
  chosen = given.value_or(present);
  if (new_key || chosen == present) return std::nullopt;
  return refuse_parameter(param, fmt::format("{} of {} bytes", chosen.value, chosen.length),
                          "the present one, or another with another key");
}

Refusal choose_crypto(const Endpoint& endpoint, const EndpointConnect& request,
                      std::span<const crypto::SrtpProfile> profiles, PeerPlan& plan) {
  if (profiles.empty()) return refuse_state("no SRTP profile is in use");
  plan.profile = request.profile ? request.profile : endpoint.profile;
  if (!plan.profile) plan.profile = profiles.front();
  if (std::find(profiles.begin(), profiles.end(), *plan.profile) == profiles.end())
    return refuse_parameter("profile", choice_name(*plan.profile), choice_list(profiles));
  if (auto error = choose_key("receiveKey", request.receive_key, endpoint.receive_key, *plan.profile,
                              plan.receive_key))
    return error;
  if (auto error = choose_key("sendKey", request.send_key, endpoint.send_key, *plan.profile, plan.send_key))
    return error;
  if (plan.receive_key.empty() && (endpoint.keys_ready || endpoint.kind != EndpointKind::kSdes))
    return refuse_parameter(
        "receiveKey", "nothing",
        fmt::format("{} bytes for {}, which the peer sends with",
                    crypto::profile_info(*plan.profile).master_length(), choice_name(*plan.profile)));
  if (plan.receive_key.empty() && !request.rollover_counters.empty()) return refuse_missing("receiveKey");
  if (auto error = check_key_pair(plan.send_key, plan.receive_key)) return error;
  const bool same_send = equal_keys(plan.send_key, endpoint.send_key);
  const auto& past = endpoint.past_send_keys;
  if (!same_send && !plan.send_key.empty() &&
      std::find(past.begin(), past.end(), digest_of(plan.send_key)) != past.end())
    return refuse_parameter("sendKey", "a key of before", "the present key, or a new one");
  if (plan.receive_key.empty()) {
    plan.receive_mki = request.receive_mki.value_or(endpoint.receive_mki);
    plan.send_mki = request.send_mki.value_or(endpoint.send_mki);
    return std::nullopt;
  }
  const bool has_keys = endpoint.keys_ready && plan.profile == endpoint.profile;
  plan.new_receive = !has_keys || !equal_keys(plan.receive_key, endpoint.receive_key);
  plan.new_send = !has_keys || !same_send;
  plan.send_restarts = plan.new_send && !(endpoint.keys_ready && same_send);
  if (auto error = choose_mki("receiveMki", request.receive_mki, endpoint.receive_mki, plan.new_receive,
                              plan.receive_mki))
    return error;
  return choose_mki("sendMki", request.send_mki, endpoint.send_mki, plan.new_send, plan.send_mki);
}

}  // namespace

std::variant<PeerPlan, RequestError> plan_peer(const Endpoint& endpoint, const EndpointConnect& request,
                                               std::span<const crypto::SrtpProfile> profiles) {
  PeerPlan plan;
  plan.kind = request.kind.value_or(endpoint.kind);
  if (plan.kind == EndpointKind::kWebrtc)
    return refuse_parameter("kind", "webrtc", "rtp, sdes: a webrtc endpoint is created as one");
  if (!request.kind && !request.rtcp_mux && !request.remote && !has_crypto(request) &&
      !request.idle_timeout_s)
    return refuse_missing("remote");
  if (plan.kind == EndpointKind::kRtp && has_crypto(request))
    return refuse_for_kind(request.profile                ? "profile"
                           : !request.receive_key.empty() ? "receiveKey"
                           : !request.send_key.empty()    ? "sendKey"
                           : request.receive_mki          ? "receiveMki"
                           : request.send_mki             ? "sendMki"
                                                          : "rolloverCounters",
                           kForSdes.text());
  plan.rtcp_mux = request.rtcp_mux.value_or(endpoint.rtcp_mux);
  if (auto error = check_mux(endpoint, plan)) return *error;
  plan.latch = latch_of(endpoint.request, plan.kind);
  plan.latch_deadline = has_latch_deadline(endpoint.request, plan.latch);
  if (plan.kind == EndpointKind::kSdes)
    if (auto error = choose_crypto(endpoint, request, profiles, plan)) return *error;
  plan.remote = request.remote;
  if (!plan.remote && plan.rtcp_mux != endpoint.rtcp_mux) {
    plan.remote = endpoint.signalled;
    if (plan.remote) plan.remote->rtcp_port = 0;
  }
  if (plan.remote) {
    auto remote = plan_remote(*plan.remote, endpoint.family, plan.rtcp_mux);
    if (auto* error = std::get_if<RequestError>(&remote)) return *error;
    plan.remote = std::get<RemoteAddress>(remote);
  }
  return plan;
}

KeyDigest digest_of(const SrtpKeyBytes& key) {
  KeyDigest digest;
  SHA256(key.data(), key.size(), digest.data());
  return digest;
}

}  // namespace sluice::control
