// json: reading JSON that strangers wrote, and writing JSON that fits on one line. Reading is bounded (depth,
// no duplicate names, no exception leaves here); writing replaces bytes that are not UTF-8. Pure functions,
// any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace sluice::control {

/// What comes in: names sorted, so that a hostile object of many members costs n log n.
using Json = nlohmann::json;
/// What goes out: names in the order in which docs/api.md has them.
using OrderedJson = nlohmann::ordered_json;

inline constexpr std::size_t kMaxJsonDepth = 64;

/// The value, or why the text is not one, for people.
std::variant<Json, std::string> parse_json(std::string_view text);

/// Compact, without a line feed anywhere, whatever the strings hold.
std::string to_line(const OrderedJson& value);

/// What was found, for an error message: the value on one line, cut short when long.
std::string found_text(const Json& value);

/// A member's name as a stranger wrote it, for an error message: on one line, cut short when long.
std::string name_text(std::string_view name);

/// "a string", "an object", ...
std::string_view type_text(const Json& value);

}  // namespace sluice::control
