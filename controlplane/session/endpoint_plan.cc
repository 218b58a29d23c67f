#include "controlplane/session/endpoint_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/session/names.h"
#include "controlplane/session/rules.h"

namespace sluice::control {
namespace {

using dataplane::EndpointKind;

using Addresses = std::vector<LocalAddress>;

bool has_family(const Addresses& addresses, config::IpFamily family) {
  return std::ranges::any_of(addresses, [&](const LocalAddress& own) { return own.ip.family == family; });
}

/// The ports that may have the address: all, or the named one.
Addresses all_addresses(MediaPlane& plane, std::string_view port) {
  Addresses all;
  for (std::size_t i = 0; i < plane.port_count(); ++i)
    if (port.empty() || plane.port(i).name == port)
      for (const LocalAddress& own : local_addresses(plane.port(i), i)) all.push_back(own);
  return all;
}

/// The address that is asked for, which also tells the port.
std::optional<RequestError> choose_given_address(const EndpointCreate& request, MediaPlane& plane,
                                                 EndpointPlan& plan) {
  Addresses all = all_addresses(plane, request.port);
  if (request.family)
    std::erase_if(all, [&](const LocalAddress& own) { return own.ip.family != *request.family; });
  const auto found = std::ranges::find(all, *request.local_address, &LocalAddress::ip);
  if (found != all.end()) {
    plan.port_index = dataplane::port_of(found->number);
    plan.addresses = {*found};
    return std::nullopt;
  }
  std::string allowed;
  for (const LocalAddress& own : all) allowed += (allowed.empty() ? "" : ", ") + own.ip.to_string();
  return refuse_parameter("localAddress", request.local_address->to_string(), allowed);
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

std::optional<RequestError> choose_addresses(const EndpointCreate& request, MediaPlane& plane,
                                             EndpointPlan& plan) {
  if (request.local_address) return choose_given_address(request, plane, plan);
  const dataplane::PortInfo& port = plane.port(plan.port_index);
  Addresses own = local_addresses(port, plan.port_index);
  config::IpFamily family = config::IpFamily::kIpv4;
  if (request.family) {
    family = *request.family;
  } else if (request.remote) {
    family = request.remote->address.family;
  } else if (!has_family(own, family)) {
    family = config::IpFamily::kIpv6;
  }
  if (!has_family(own, family)) {
    const auto other = family == config::IpFamily::kIpv6 ? config::IpFamily::kIpv4 : config::IpFamily::kIpv6;
    return refuse_parameter(
        "family", choice_name(family),
        fmt::format("{}; port \"{}\" has no {} address", choice_name(other), port.name, choice_name(family)));
  }
  std::erase_if(own, [&](const LocalAddress& address) { return address.ip.family != family; });
  plan.addresses = std::move(own);
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
  if (auto error = choose_addresses(request, plane, plan)) return *error;
  plan.latch = effective_latch(request);
  plan.latch_deadline = has_latch_deadline(request, plan.latch);
  // The answer to our offer of rtcpMux may lack it, and so may a later one.
  plan.port_pair = !plan.rtcp_mux || (request.kind != EndpointKind::kWebrtc && !request.remote);
  if (request.kind != EndpointKind::kRtp)
    if (auto error = choose_profile(request, profiles, plan)) return *error;
  if (request.remote) {
    auto remote = plan_remote(*request.remote, plan.addresses.front().ip.family, plan.rtcp_mux);
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
  return a.kind == b.kind && a.port == b.port && a.family == b.family && a.local_address == b.local_address &&
         a.rtcp_mux == b.rtcp_mux && a.rid_extension_id == b.rid_extension_id &&
         a.repaired_rid_extension_id == b.repaired_rid_extension_id &&
         a.mid_extension_id == b.mid_extension_id && a.repair_payload_types == b.repair_payload_types &&
         a.dscp == b.dscp && a.remote == b.remote && a.latch == b.latch &&
         a.latch_network == b.latch_network && a.profile == b.profile &&
         a.idle_timeout_s == b.idle_timeout_s && a.consent_timeout_ms == b.consent_timeout_ms &&
         equal_keys(a.receive_key, b.receive_key) && equal_keys(a.send_key, b.send_key) &&
         a.transport == b.transport && a.setup == b.setup && a.fingerprints == b.fingerprints &&
         a.ice_ufrag == b.ice_ufrag && a.ice_password == b.ice_password && a.receive_mki == b.receive_mki &&
         a.send_mki == b.send_mki && a.rollover_counters == b.rollover_counters &&
         a.srtcp_index == b.srtcp_index;
}

}  // namespace sluice::control
