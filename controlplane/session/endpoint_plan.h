// endpoint_plan: checks an endpoint.create request against the configuration and the ports, and fills in the
// defaults. The result is a complete plan, or the first error. Pure functions; control thread.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "config/config.h"
#include "controlplane/session/errors.h"
#include "controlplane/session/local_addresses.h"
#include "controlplane/session/media_plane.h"

namespace sluice::control {

struct EndpointPlan {
  std::size_t port_index = 0;
  std::vector<LocalAddress> addresses;  // of one family, at least one; the first that has UDP ports is taken
  bool rtcp_mux = false;
  bool port_pair = false;  // a UDP port for RTCP is taken too
  dataplane::LatchPolicy latch{};
  bool latch_deadline = false;          // kOnce may latch within media.latch_window_ms only
  std::optional<RemoteAddress> remote;  // with its rtcp_port filled in
  std::optional<crypto::SrtpProfile> profile;
};

/// `profiles`: the profiles that may be used, in order of preference.
[[nodiscard]] std::variant<EndpointPlan, RequestError> plan_endpoint(
    const EndpointCreate& request, MediaPlane& plane, std::span<const crypto::SrtpProfile> profiles);

/// Checks the address family of `remote` and fills in its RTCP port. REQUIRES: check() of the request that
/// holds `remote` found nothing.
[[nodiscard]] std::variant<RemoteAddress, RequestError> plan_remote(const RemoteAddress& remote,
                                                                    config::IpFamily family, bool rtcp_mux);

/// Whether two requests ask for the same endpoint. Keys are compared in constant time.
[[nodiscard]] bool same_parameters(const EndpointCreate& a, const EndpointCreate& b);

}  // namespace sluice::control
