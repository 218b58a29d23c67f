#include "controlplane/session/endpoint_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/session/names.h"
#include "controlplane/session/rules.h"

namespace sluice::control {
namespace {

using dataplane::EndpointKind;

/// The first configured address of that family; a link-local one only when there is no other. nullopt when
/// the port has none.
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
  return refuse_parameter("port", quoted(request.port), names);
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
        "family", choice_name(family),
        fmt::format("{}; port \"{}\" has no {} address", choice_name(other), port.name, choice_name(family)));
  }
  plan.local_address = *local;
  return std::nullopt;
}

std::optional<RequestError> choose_profile(const EndpointCreate& request,
                                           std::span<const crypto::SrtpProfile> profiles,
                                           EndpointPlan& plan) {
  if (profiles.empty()) return refuse_state("no SRTP profile is in use");
  if (request.kind != EndpointKind::kSdes) return std::nullopt;
  plan.profile = request.profile.value_or(profiles.front());
  if (std::find(profiles.begin(), profiles.end(), *plan.profile) == profiles.end())
    return refuse_parameter("profile", choice_name(*plan.profile), choice_list(profiles));
  // check(request) could not compare the key lengths with a default profile.
  return check_given_keys(request, *plan.profile);
}

}  // namespace

std::variant<EndpointPlan, RequestError> plan_endpoint(const EndpointCreate& request, MediaPlane& plane,
                                                       std::span<const crypto::SrtpProfile> profiles) {
  if (auto error = check(request)) return *error;
  EndpointPlan plan;
  plan.rtcp_mux = request.rtcp_mux.value_or(request.kind == EndpointKind::kWebrtc);
  if (auto error = choose_port(request, plane, plan)) return *error;
  if (auto error = choose_address(request, plane.port(plan.port_index), plan)) return *error;
  plan.latch = effective_latch(request);
  plan.latch_deadline = has_latch_deadline(request, plan.latch);
  // The answer to our offer of rtcpMux may lack it, and so may a later one.
  plan.port_pair = !plan.rtcp_mux || (request.kind != EndpointKind::kWebrtc && !request.remote);
  if (request.kind != EndpointKind::kRtp)
    if (auto error = choose_profile(request, profiles, plan)) return *error;
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
                            fmt::format("an {} address, as the endpoint's own", choice_name(family)));
  RemoteAddress filled = remote;
  if (filled.rtcp_port == 0) {
    if (!rtcp_mux && !kUdpPort.has(filled.rtp_port + 1))
      return refuse_parameter("remote.rtpPort", std::to_string(filled.rtp_port),
                              "a port with one above it, for RTCP");
    filled.rtcp_port = rtcp_mux ? filled.rtp_port : static_cast<std::uint16_t>(filled.rtp_port + 1);
  }
  if (rtcp_mux && filled.rtcp_port != filled.rtp_port)
    return refuse_parameter("remote.rtcpPort", std::to_string(filled.rtcp_port),
                            fmt::format("{}, the RTP port, with rtcpMux", filled.rtp_port));
  return filled;
}

bool same_parameters(const EndpointCreate& a, const EndpointCreate& b) {
  return a.kind == b.kind && a.port == b.port && a.family == b.family && a.rtcp_mux == b.rtcp_mux &&
         a.rid_extension_id == b.rid_extension_id &&
         a.repaired_rid_extension_id == b.repaired_rid_extension_id &&
         a.mid_extension_id == b.mid_extension_id && a.repair_payload_types == b.repair_payload_types &&
         a.dscp == b.dscp && a.remote == b.remote && a.latch == b.latch &&
         a.latch_network == b.latch_network && a.profile == b.profile &&
         a.idle_timeout_s == b.idle_timeout_s && a.consent_timeout_ms == b.consent_timeout_ms &&
         equal_keys(a.receive_key, b.receive_key) && equal_keys(a.send_key, b.send_key) &&
         a.transport == b.transport && a.setup == b.setup && a.fingerprints == b.fingerprints &&
         a.ice_ufrag == b.ice_ufrag && a.ice_password == b.ice_password;
}

}  // namespace sluice::control
