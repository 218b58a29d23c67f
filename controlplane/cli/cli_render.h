// cli_render: what sluicectl shows people: the result of each method as a table or as a list of members. Pure
// functions, any thread. Results come from outside: what is missing in one shows as "-", never as a failure.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/base/json.h"

namespace sluice::control::cli {

/// With a line feed at the end.
std::string render_result(std::string_view method, const OrderedJson& result);

/// The params of an event notification, on one line.
std::string render_event(const OrderedJson& params);

/// "a.b  value", a line each, lists of plain values on one line.
std::string render_members(const OrderedJson& object);

}  // namespace sluice::control::cli
