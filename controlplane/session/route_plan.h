// route_plan: checks a route request before any slot or SSRC is taken for it. Pure functions; control thread.
#pragma once

#include <optional>

#include "controlplane/session/errors.h"
#include "controlplane/session/objects.h"

namespace sluice::control {

/// nullopt, or the error when `from` has no way to tell which stream the selector means.
[[nodiscard]] std::optional<RequestError> check_source(const SourceSelector& selector, const Endpoint& from);
/// nullopt, or the error when `to` cannot be sent what the request asks for. Does not check its source.
[[nodiscard]] std::optional<RequestError> check_route(const RouteCreate& request, const Endpoint& to);

/// The packet index that the route is to begin with; nullopt: any that was not sent.
[[nodiscard]] std::optional<std::uint64_t> first_index_of(const RouteCreate& request);

/// Whether two requests ask for the same route.
[[nodiscard]] bool same_parameters(const RouteCreate& a, const RouteCreate& b);

/// The key of the selected source. The order of the payload types does not matter.
[[nodiscard]] SourceKey source_key(const SourceSelector& selector, std::uint32_t clock_rate);

}  // namespace sluice::control
