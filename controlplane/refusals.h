// refusals: the errors that sessions answer with, each with a message for people and `data` for programs as
// docs/api.md says. Pure functions; control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/requests.h"

namespace sluice::control {

/// "endpoint.profile: found X, allowed: Y"
RequestError refuse_parameter(std::string_view parameter, std::string_view found, std::string_view allowed);
/// "no endpoint "x" in session "y""; `session` empty for sessions themselves.
RequestError refuse_unknown(std::string_view kind, std::string_view id, std::string_view session = {});
RequestError refuse_limit(std::string_view limit, std::uint64_t value);
/// limits.worker_load_percent: even `worker`, the least loaded, is at `found`.
RequestError refuse_load(unsigned allowed, unsigned found, std::size_t worker);
RequestError refuse_state(std::string message);
RequestError refuse_conflict(std::string message);
RequestError refuse_existing(const EndpointView& existing);
RequestError refuse_existing(const RouteView& existing);
RequestError refuse_internal(std::string message);

/// A compact JSON object of strings, for events.
std::string json_fields(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

/// 1-128 characters of [A-Za-z0-9._:@-].
bool is_object_id(std::string_view id);

}  // namespace sluice::control
