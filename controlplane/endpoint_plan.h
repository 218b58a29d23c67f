// endpoint_plan: an endpoint.create request held against the configuration and the ports: every default
// filled in, or the first thing that is wrong with it. Pure functions; control thread.
#pragma once

#include <cstddef>
#include <variant>

#include "config/config.h"
#include "controlplane/media_plane.h"
#include "controlplane/requests.h"

namespace sluice::control {

struct EndpointPlan {
  std::size_t port_index = 0;
  config::IpAddress local_address;
  bool rtcp_mux = false;
  dataplane::LatchPolicy latch{};
  bool latch_deadline = false;          // kOnce may latch within the configured window only
  std::optional<RemoteAddress> remote;  // rtcp_port filled in
  std::optional<crypto::SrtpProfile> profile;
};

/// `profiles`: those that may be used, in order of preference.
std::variant<EndpointPlan, RequestError> plan_endpoint(const EndpointCreate& request, MediaPlane& plane,
                                                       std::span<const crypto::SrtpProfile> profiles);

/// A remote address as given, with its family checked and the RTCP port filled in.
std::variant<RemoteAddress, RequestError> plan_remote(const RemoteAddress& remote, config::IpFamily family,
                                                      bool rtcp_mux);

/// nullopt when the peer's side of a webrtc endpoint is well formed.
std::optional<RequestError> check_peer(const std::vector<Fingerprint>& fingerprints,
                                       const std::string& ufrag);

/// Whether two requests ask for the same endpoint. Keys are compared in constant time.
bool same_parameters(const EndpointCreate& a, const EndpointCreate& b);
bool same_parameters(const RouteCreate& a, const RouteCreate& b);

}  // namespace sluice::control
