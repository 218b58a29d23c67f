#include "controlplane/base/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

namespace sluice::control {
namespace {

constexpr std::size_t kMaxFoundLength = 80;

/// Finds the first thing that JSON allows and we do not: deep nesting, or a name twice in one object.
class Guard {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (static_cast<std::size_t>(depth) >= kMaxJsonDepth) {
        note(fmt::format("nested deeper than {} levels", kMaxJsonDepth));
        return false;
      }
      if (event == Event::object_start) names_.emplace_back();
    } else if (event == Event::object_end) {
      if (!names_.empty()) names_.pop_back();
    } else if (event == Event::key && !names_.empty()) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names_.back().insert(name).second)
        note(fmt::format("the name {} stands twice in one object", found_text(value)));
    }
    return true;
  }

  const std::string& problem() const { return problem_; }

 private:
  void note(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  std::vector<std::set<std::string>> names_;
  std::string problem_;
};

/// Removes the "[json.exception.parse_error.101] " from the start of nlohmann's messages.
std::string without_prefix(std::string_view message) {
  if (const auto end = message.find("] "); message.starts_with("[") && end != std::string_view::npos)
    message.remove_prefix(end + 2);
  return std::string(message.substr(0, 200));
}

}  // namespace

std::variant<Json, std::string> parse_json(std::string_view text) {
  Guard guard;
  try {
    Json value = Json::parse(text.begin(), text.end(), std::ref(guard));
    if (!guard.problem().empty()) return guard.problem();
    return value;
  } catch (const std::exception& error) {
    if (!guard.problem().empty()) return guard.problem();
    return without_prefix(error.what());
  }
}

std::string to_line(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string found_text(const Json& value) {
  if (value.is_structured()) return std::string(type_text(value));  // it may hold keys, and may be long
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxFoundLength) text = text.substr(0, kMaxFoundLength - 3) + "...";
  return text;
}

std::string name_text(std::string_view name) {
  std::string text = found_text(Json(name)).substr(1);  // without the quotes
  if (text.ends_with('"')) text.pop_back();
  return text;
}

std::string_view type_text(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    default:
      return value.is_number_float() ? "a number with a fraction" : "an integer";
  }
}

}  // namespace sluice::control
