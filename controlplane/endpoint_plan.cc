// endpoint_plan: see the header. Control thread.
#include "controlplane/endpoint_plan.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "controlplane/dtls_fingerprint.h"
#include "controlplane/ice_lite.h"
#include "controlplane/refusals.h"

namespace sluice::control {
namespace {

using dataplane::EndpointKind;
using dataplane::LatchPolicy;

std::string_view kind_name(EndpointKind kind) {
  switch (kind) {
    case EndpointKind::kRtp:
      return "rtp";
    case EndpointKind::kSdes:
      return "sdes";
    case EndpointKind::kWebrtc:
      return "webrtc";
  }
  return "unknown";
}

std::string_view family_name(config::IpFamily family) {
  return family == config::IpFamily::kIpv6 ? "ipv6" : "ipv4";
}

/// The first configured address of that family; a link-local one only when there is no other.
std::optional<config::IpAddress> address_of(const dataplane::PortInfo& port, config::IpFamily family) {
  std::optional<config::IpAddress> found;
  for (const config::IpPrefix& prefix : port.addresses) {
    if (prefix.address.family != family) continue;
    if (!prefix.address.is_link_local()) return prefix.address;
    if (!found) found = prefix.address;
  }
  return found;
}

std::optional<RequestError> choose_port(const EndpointCreate& request, MediaPlane& plane,
                                        EndpointPlan& plan) {
  if (request.port.empty()) return std::nullopt;
  std::string names;
  for (std::size_t i = 0; i < plane.port_count(); ++i) {
    if (plane.port(i).name == request.port) {
      plan.port_index = i;
      return std::nullopt;
    }
    names += (i == 0 ? "" : ", ") + plane.port(i).name;
  }
  return refuse_parameter("port", request.port, names);
}

std::optional<RequestError> choose_address(const EndpointCreate& request, const dataplane::PortInfo& port,
                                           EndpointPlan& plan) {
  config::IpFamily family = config::IpFamily::kIpv4;
  if (request.family) {
    family = *request.family;
  } else if (request.remote) {
    family = request.remote->address.family;
  } else if (!address_of(port, family)) {
    family = config::IpFamily::kIpv6;
  }
  const auto local = address_of(port, family);
  if (!local) {
    const auto other = family == config::IpFamily::kIpv6 ? config::IpFamily::kIpv4 : config::IpFamily::kIpv6;
    return refuse_parameter(
        "family", family_name(family),
        fmt::format("{}; port \"{}\" has no {} address", family_name(other), port.name, family_name(family)));
  }
  plan.local_address = *local;
  return std::nullopt;
}

std::optional<RequestError> choose_latch(const EndpointCreate& request, EndpointPlan& plan) {
  switch (request.kind) {
    case EndpointKind::kRtp:
      plan.latch = request.latch.value_or(request.remote ? LatchPolicy::kFixed : LatchPolicy::kOnce);
      if (plan.latch == LatchPolicy::kAuthenticated)
        return refuse_parameter("latch", "authenticated", "fixed, once; plain RTP authenticates nothing");
      break;
    case EndpointKind::kSdes:
      plan.latch = request.latch.value_or(LatchPolicy::kAuthenticated);
      if (plan.latch == LatchPolicy::kOnce) return refuse_parameter("latch", "once", "authenticated, fixed");
      break;
    case EndpointKind::kWebrtc:
      if (request.latch) return refuse_parameter("latch", "given", "nothing; ICE chooses the address");
      plan.latch = LatchPolicy::kFixed;
      break;
  }
  if (request.latch_network && plan.latch != LatchPolicy::kOnce)
    return refuse_parameter("latchNetwork", request.latch_network->to_string(), "only with latch \"once\"");
  // RTP bleed: whoever is first may take a plain endpoint, so only from a named network, or for a short
  // while.
  plan.latch_deadline = plan.latch == LatchPolicy::kOnce && !request.latch_network;
  return std::nullopt;
}

std::optional<RequestError> check_key(std::string_view parameter, const SrtpKeyBytes& key,
                                      const crypto::SrtpProfileInfo& info) {
  const std::size_t wanted = std::size_t{info.key_length} + info.salt_length;
  if (key.size() == wanted) return std::nullopt;
  return refuse_parameter(parameter, fmt::format("{} bytes", key.size()),
                          fmt::format("{} bytes: {} of key and {} of salt for {}", wanted, info.key_length,
                                      info.salt_length, info.name));
}

bool equal(const SrtpKeyBytes& a, const SrtpKeyBytes& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<RequestError> check_sdes(const EndpointCreate& request,
                                       std::span<const crypto::SrtpProfile> profiles, EndpointPlan& plan) {
  if (profiles.empty()) return refuse_state("no SRTP profile is in use");
  plan.profile = request.profile.value_or(profiles.front());
  if (std::find(profiles.begin(), profiles.end(), *plan.profile) == profiles.end()) {
    std::string names;
    for (const crypto::SrtpProfile profile : profiles)
      names += (names.empty() ? "" : ", ") + std::string(crypto::profile_info(profile).name);
    return refuse_parameter("profile", crypto::profile_info(*plan.profile).name, names);
  }
  const crypto::SrtpProfileInfo info = crypto::profile_info(*plan.profile);
  if (auto error = check_key("receiveKey", request.receive_key, info)) return error;
  if (request.send_key.empty()) return std::nullopt;
  if (auto error = check_key("sendKey", request.send_key, info)) return error;
  // One key both ways and one SSRC both ways (a route back to where it came from) would be one keystream
  // twice.
  if (equal(request.send_key, request.receive_key))
    return refuse_parameter("sendKey", "the receiveKey", "another key, or none for one that is made");
  return std::nullopt;
}

std::optional<RequestError> check_kind(const EndpointCreate& request, EndpointPlan& plan) {
  const bool webrtc = request.kind == EndpointKind::kWebrtc;
  plan.rtcp_mux = request.rtcp_mux.value_or(webrtc);
  if (webrtc && !plan.rtcp_mux) return refuse_parameter("rtcpMux", "false", "true for webrtc");
  if (webrtc && request.remote)
    return refuse_parameter("remote", "given", "nothing for webrtc; ICE finds the address");
  if (!webrtc && (!request.ice_ufrag.empty() || !request.ice_password.empty()))
    return refuse_parameter("ice", "given", fmt::format("nothing for {}", kind_name(request.kind)));
  if (!webrtc && !request.fingerprints.empty())
    return refuse_parameter("dtls", "given", fmt::format("nothing for {}", kind_name(request.kind)));
  if (!webrtc && request.transport != IceTransport::kOwn)
    return refuse_parameter("transport", "shared", fmt::format("own for {}", kind_name(request.kind)));
  const bool sdes = request.kind == EndpointKind::kSdes;
  if (!sdes && (request.profile || !request.receive_key.empty() || !request.send_key.empty()))
    return refuse_parameter("crypto", "given", fmt::format("nothing for {}", kind_name(request.kind)));
  if (request.mid_extension_id > 14)
    return refuse_parameter("midExtensionId", std::to_string(request.mid_extension_id), "0..14");
  if (request.dscp > 63) return refuse_parameter("dscp", std::to_string(request.dscp), "0..63");
  return std::nullopt;
}

}  // namespace

std::variant<EndpointPlan, RequestError> plan_endpoint(const EndpointCreate& request, MediaPlane& plane,
                                                       std::span<const crypto::SrtpProfile> profiles) {
  EndpointPlan plan;
  if (auto error = check_kind(request, plan)) return *error;
  if (auto error = choose_port(request, plane, plan)) return *error;
  if (auto error = choose_address(request, plane.port(plan.port_index), plan)) return *error;
  if (auto error = choose_latch(request, plan)) return *error;
  if (request.kind == EndpointKind::kSdes) {
    if (auto error = check_sdes(request, profiles, plan)) return *error;
  }
  if (request.kind == EndpointKind::kWebrtc) {
    if (profiles.empty()) return refuse_state("no SRTP profile is in use");
    if (auto error = check_peer(request.fingerprints, request.ice_ufrag)) return *error;
  }
  if (request.remote) {
    auto remote = plan_remote(*request.remote, plan.local_address.family, plan.rtcp_mux);
    if (auto* error = std::get_if<RequestError>(&remote)) return *error;
    plan.remote = std::get<RemoteAddress>(remote);
  }
  return plan;
}

std::variant<RemoteAddress, RequestError> plan_remote(const RemoteAddress& remote, config::IpFamily family,
                                                      bool rtcp_mux) {
  if (remote.address.family != family)
    return refuse_parameter("remote.address", remote.address.to_string(),
                            fmt::format("an {} address, as the endpoint's own", family_name(family)));
  if (remote.address.is_unspecified() || remote.address.is_multicast())
    return refuse_parameter("remote.address", remote.address.to_string(), "a unicast address");
  if (remote.rtp_port == 0) return refuse_parameter("remote.rtpPort", "0", "1..65535");
  RemoteAddress filled = remote;
  if (filled.rtcp_port == 0) {
    if (!rtcp_mux && filled.rtp_port == 65535)
      return refuse_parameter("remote.rtpPort", "65535", "1..65534 where RTCP has the port above");
    filled.rtcp_port = rtcp_mux ? filled.rtp_port : static_cast<std::uint16_t>(filled.rtp_port + 1);
  }
  if (rtcp_mux && filled.rtcp_port != filled.rtp_port)
    return refuse_parameter("remote.rtcpPort", std::to_string(filled.rtcp_port),
                            fmt::format("{}, the RTP port, with rtcpMux", filled.rtp_port));
  return filled;
}

std::optional<RequestError> check_peer(const std::vector<Fingerprint>& fingerprints,
                                       const std::string& ufrag) {
  if (fingerprints.size() > 8)
    return refuse_parameter("dtls.fingerprints", std::to_string(fingerprints.size()), "at most 8");
  std::string error;
  for (const Fingerprint& fingerprint : fingerprints)
    if (!DtlsFingerprint::parse(fingerprint.algorithm, fingerprint.value, error))
      return refuse_parameter("dtls.fingerprints",
                              fmt::format("{} {}", fingerprint.algorithm, fingerprint.value), error);
  if (!ufrag.empty() && !is_ice_ufrag(ufrag))
    return refuse_parameter("ice.ufrag", ufrag, "1 to 256 letters, digits, '+' and '/'");
  return std::nullopt;
}

bool same_parameters(const EndpointCreate& a, const EndpointCreate& b) {
  return a.kind == b.kind && a.port == b.port && a.family == b.family && a.rtcp_mux == b.rtcp_mux &&
         a.mid_extension_id == b.mid_extension_id && a.dscp == b.dscp && a.remote == b.remote &&
         a.latch == b.latch && a.latch_network == b.latch_network && a.profile == b.profile &&
         equal(a.receive_key, b.receive_key) && equal(a.send_key, b.send_key) && a.transport == b.transport &&
         a.setup == b.setup && a.fingerprints == b.fingerprints && a.ice_ufrag == b.ice_ufrag &&
         a.ice_password == b.ice_password;
}

bool same_parameters(const RouteCreate& a, const RouteCreate& b) {
  return a.from == b.from && a.to == b.to && a.ssrc == b.ssrc && a.clock_rate == b.clock_rate &&
         a.payload_types == b.payload_types && a.header_extensions == b.header_extensions &&
         a.keyframe_on_switch == b.keyframe_on_switch && a.retransmit == b.retransmit;
}

}  // namespace sluice::control
