// cli_render: what sluicectl prints: the result of a method as a table or as a list of members. Pure
// functions, any thread. A member that is missing in a result is shown as "-"; it is never an error. No text
// has control characters other than the line feeds that end its lines.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/base/json.h"

namespace sluice::control::cli {

/// The text ends with a line feed.
std::string render_result(std::string_view method, const OrderedJson& result);

/// The params of an event notification, on one line.
std::string render_event(const OrderedJson& params);

/// The value as JSON on one line, with a line feed. DEL and C1 control characters are escaped too, which JSON
/// does not require.
std::string render_json(const OrderedJson& value);

/// The members of an object, one "a.b  value" on each line. A list of plain values takes one line.
std::string render_members(const OrderedJson& object);

}  // namespace sluice::control::cli
