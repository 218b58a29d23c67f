// route_plan: what a route request asks for, checked before anything is taken for it. Pure functions; control
// thread.
#pragma once

#include <optional>

#include "controlplane/objects.h"

namespace sluice::control {

std::optional<RequestError> check_selector(const SourceSelector& selector, const Endpoint& from);
/// All but the selector.
std::optional<RequestError> check_route(const RouteCreate& request, const Endpoint& to);

SourceKey source_key(const SourceSelector& selector, std::uint32_t clock_rate);

}  // namespace sluice::control
