#include "controlplane/session/errors.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::control {
namespace {

RequestError refuse(ErrorKind kind, std::string_view param, std::string_view found,
                    std::string_view allowed) {
  return {kind, fmt::format("{}: found {}; allowed: {}", param, found, allowed),
          InvalidParameter{std::string(param), std::string(found), std::string(allowed)}};
}

template <typename View>
RequestError refuse(std::string_view kind, const View& existing) {
  return {ErrorKind::kConflict,
          fmt::format("{} \"{}\" of session \"{}\" exists with other parameters", kind, existing.id,
                      existing.session),
          Conflict{std::make_shared<const ExistingObject>(ExistingObject{existing})}};
}

}  // namespace

RequestError refuse_parameter(std::string_view param, std::string_view found, std::string_view allowed) {
  return refuse(ErrorKind::kInvalidParameter, param, found, allowed);
}

RequestError refuse_unknown(std::string_view kind, std::string_view id, std::string_view session) {
  NotFound detail{std::string(kind), std::string(id), std::string(session)};
  std::string message = fmt::format("no {} \"{}\"", kind, id);
  if (!session.empty()) message += fmt::format(" in session \"{}\"", session);
  return {ErrorKind::kNotFound, std::move(message), std::move(detail)};
}

RequestError refuse_limit(std::string_view limit, std::uint64_t value) {
  return {ErrorKind::kLimitReached, fmt::format("limit reached: {} is {}", limit, value),
          LimitReached{.limit = std::string(limit), .value = value}};
}

RequestError refuse_load(unsigned allowed, unsigned found, std::size_t worker) {
  RequestError error = refuse_limit("worker_load_percent", allowed);
  error.message += fmt::format(", and worker {}, the least loaded, is at {}", worker, found);
  auto& detail = std::get<LimitReached>(error.detail);
  detail.found = found;
  detail.worker = worker;
  return error;
}

RequestError refuse_state(std::string message) {
  return {ErrorKind::kWrongState, std::move(message)};
}

RequestError refuse_late(std::string_view param, std::string_view found, std::string_view allowed) {
  return refuse(ErrorKind::kWrongState, param, found, allowed);
}

RequestError refuse_conflict(std::string_view param, std::string_view found, std::string_view allowed) {
  return refuse(ErrorKind::kConflict, param, found, allowed);
}

RequestError refuse_existing(const SessionView& existing) {
  return {ErrorKind::kConflict, fmt::format("session \"{}\" exists with other parameters", existing.id),
          Conflict{std::make_shared<const ExistingObject>(ExistingObject{existing})}};
}

RequestError refuse_existing(const EndpointView& existing) {
  return refuse("endpoint", existing);
}

RequestError refuse_existing(const RouteView& existing) {
  return refuse("route", existing);
}

RequestError refuse_internal(std::string message) {
  return {ErrorKind::kInternal, std::move(message)};
}

}  // namespace sluice::control
