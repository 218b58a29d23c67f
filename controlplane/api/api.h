// api: every request of docs/api.md, defined once: its name, its parameters with their help and rules, and
// the conversion from and to JSON. The daemon decodes requests with it. sluicectl makes its sub-commands from
// it and encodes requests with it. Any input gives either a request or an error that names the parameter,
// what was found and what is allowed. Pure functions and constant tables, any thread.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "controlplane/api/api_errors.h"
#include "controlplane/api/method.h"
#include "controlplane/base/json.h"

namespace sluice::control {

/// In the order of Request's alternatives, which is the order of docs/api.md.
[[nodiscard]] std::span<const Method> methods();
/// nullptr for a name that is not a method.
[[nodiscard]] const Method* find_method(std::string_view name);

/// `params` may be null (the request had none). A decoded request keeps the rules of session/rules.h. Errors:
/// kErrorUnknownMethod, kErrorInvalidParams.
[[nodiscard]] std::variant<Request, ApiError> decode_request(std::string_view method, const Json& params);

/// The name of the request's method. For tests.
[[nodiscard]] std::string_view method_name(const Request& request);
/// The parameters of the request, without those that are empty or at their defaults.
[[nodiscard]] OrderedJson encode_params(const Request& request);

}  // namespace sluice::control
