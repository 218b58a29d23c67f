// refusals: see the header. Control thread.
#include "controlplane/refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::control {
namespace {

// Ids and values come from outside: whatever bytes they hold, the answer is valid JSON.
std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

RequestError refuse_parameter(std::string_view parameter, std::string_view found, std::string_view allowed) {
  return {kErrorInvalidParams, fmt::format("{}: found {}, allowed: {}", parameter, found, allowed),
          dump({{"parameter", parameter}, {"found", found}, {"allowed", allowed}})};
}

RequestError refuse_unknown(std::string_view kind, std::string_view id, std::string_view session) {
  nlohmann::json data{{"kind", kind}, {"id", id}};
  if (session.empty()) return {kErrorNotFound, fmt::format("no {} \"{}\"", kind, id), dump(data)};
  data["session"] = session;
  return {kErrorNotFound, fmt::format("no {} \"{}\" in session \"{}\"", kind, id, session), dump(data)};
}

RequestError refuse_limit(std::string_view limit, std::uint64_t value) {
  return {kErrorLimit, fmt::format("limit reached: {} is {}", limit, value),
          dump({{"limit", limit}, {"value", value}})};
}

RequestError refuse_load(unsigned allowed, unsigned found, std::size_t worker) {
  constexpr std::string_view kLimit = "worker_load_percent";
  return {kErrorLimit,
          fmt::format("limit reached: {} is {}, and worker {}, the least loaded, is at {}", kLimit, allowed,
                      worker, found),
          dump({{"limit", kLimit}, {"value", allowed}, {"found", found}, {"worker", worker}})};
}

RequestError refuse_state(std::string message) {
  return {kErrorState, std::move(message)};
}

RequestError refuse_conflict(std::string message) {
  return {kErrorConflict, std::move(message)};
}

RequestError refuse_existing(const EndpointView& existing) {
  RequestError error{kErrorConflict,
                     fmt::format("endpoint \"{}\" of session \"{}\" exists with other parameters",
                                 existing.id, existing.session)};
  error.existing = std::make_shared<const ExistingObject>(ExistingObject{existing});
  return error;
}

RequestError refuse_existing(const RouteView& existing) {
  RequestError error{kErrorConflict,
                     fmt::format("route \"{}\" of session \"{}\" exists with other parameters", existing.id,
                                 existing.session)};
  error.existing = std::make_shared<const ExistingObject>(ExistingObject{existing});
  return error;
}

RequestError refuse_internal(std::string message) {
  return {kErrorInternal, std::move(message)};
}

std::string json_fields(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : fields) object[std::string(name)] = value;
  return dump(object);
}

bool is_object_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("._:@-").find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace sluice::control
