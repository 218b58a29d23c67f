// route_plan: what a route request asks for, checked before anything is taken for it. Pure functions; control
// thread.
#pragma once

#include <optional>

#include "controlplane/session/errors.h"
#include "controlplane/session/objects.h"

namespace sluice::control {

/// Whether that stream can be told among those of `from`. nullopt: it can.
[[nodiscard]] std::optional<RequestError> check_source(const SourceSelector& selector, const Endpoint& from);
/// Whether what the request asks for can be sent to `to`; not its source.
[[nodiscard]] std::optional<RequestError> check_route(const RouteCreate& request, const Endpoint& to);

/// Whether two requests ask for the same route.
[[nodiscard]] bool same_parameters(const RouteCreate& a, const RouteCreate& b);

[[nodiscard]] SourceKey source_key(const SourceSelector& selector, std::uint32_t clock_rate);

}  // namespace sluice::control
