// json: reads JSON that is not trusted, and writes JSON on one line. Reading is bounded: limited depth, no
// duplicate names, and no exception leaves it. Writing replaces bytes that are not UTF-8. Pure functions, any
// thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace sluice::control {

/// For input. Names are sorted, so that an attacker's object with n members costs n log n.
using Json = nlohmann::json;
/// For output. Names keep the order of docs/api.md.
using OrderedJson = nlohmann::ordered_json;

inline constexpr std::size_t kMaxJsonDepth = 64;

/// The value, or the reason in words why the text is not valid JSON.
std::variant<Json, std::string> parse_json(std::string_view text);

/// The value as compact JSON. It never contains a line feed, whatever its strings hold.
std::string to_line(const OrderedJson& value);

/// The value for an error message, on one line, cut if long. For an object or a list only its type, since it
/// may hold keys.
std::string found_text(const Json& value);

/// A member's name in untrusted input for an error message, on one line, cut if long.
std::string name_text(std::string_view name);

/// "a string", "an object", ...
std::string_view type_text(const Json& value);

}  // namespace sluice::control
