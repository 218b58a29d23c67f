// endpoint_plan: an endpoint.create request held against the configuration and the ports: every default
// filled in, or the first thing that is wrong with it. Pure functions; control thread.
#pragma once

#include <cstddef>
#include <variant>

#include "config/config.h"
#include "controlplane/session/errors.h"
#include "controlplane/session/media_plane.h"

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
[[nodiscard]] std::variant<EndpointPlan, RequestError> plan_endpoint(
    const EndpointCreate& request, MediaPlane& plane, std::span<const crypto::SrtpProfile> profiles);

/// A remote address as given, with its family checked and the RTCP port filled in. REQUIRES: check() of the
/// request it is in found nothing.
[[nodiscard]] std::variant<RemoteAddress, RequestError> plan_remote(const RemoteAddress& remote,
                                                                    config::IpFamily family, bool rtcp_mux);

/// Whether two requests ask for the same endpoint. Keys are compared in constant time.
[[nodiscard]] bool same_parameters(const EndpointCreate& a, const EndpointCreate& b);

}  // namespace sluice::control
