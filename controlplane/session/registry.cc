#include "controlplane/session/registry.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "controlplane/session/errors.h"

namespace sluice::control {
namespace {

template <typename Object>
Result<Object*> need(Object* found, std::string_view kind, const std::string& id, Liveness liveness,
                     std::string_view session = {}) {
  if (found == nullptr) return refuse_unknown(kind, id, session);
  if (liveness == Liveness::kStaying && is_being_removed(*found))
    return refuse_state(fmt::format("{} \"{}\" is being removed", kind, id));
  return found;
}

}  // namespace

std::string Registry::make_id(std::string_view prefix) const {
  // 80 random bits do not repeat, so nothing checks whether the id exists.
  static constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<std::uint8_t, 16> bytes{};
  random_(bytes);
  std::string id(prefix);
  for (const std::uint8_t byte : bytes) id.push_back(kDigits[byte & 31]);
  return id;
}

Session* Registry::find_session(const std::string& id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

Endpoint* Registry::find_endpoint(const Session& session, const std::string& id) const {
  const auto found = session.endpoints.find(id);
  return found == session.endpoints.end() ? nullptr : found->second.get();
}

Route* Registry::find_route(const Session& session, const std::string& id) const {
  const auto found = session.routes.find(id);
  return found == session.routes.end() ? nullptr : found->second.get();
}

Result<Session*> Registry::need_session(const std::string& id, Liveness liveness) const {
  return need(find_session(id), "session", id, liveness);
}

Result<Endpoint*> Registry::need_endpoint(const Session& session, const std::string& id,
                                          Liveness liveness) const {
  return need(find_endpoint(session, id), "endpoint", id, liveness, session.id);
}

Result<Route*> Registry::need_route(const Session& session, const std::string& id, Liveness liveness) const {
  return need(find_route(session, id), "route", id, liveness, session.id);
}

Result<Endpoint*> Registry::need_endpoint(const std::string& session, const std::string& id,
                                          Liveness liveness) const {
  const auto found = need_session(session, liveness);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  return need_endpoint(*std::get<Session*>(found), id, liveness);
}

Result<Route*> Registry::need_route(const std::string& session, const std::string& id,
                                    Liveness liveness) const {
  const auto found = need_session(session, liveness);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  return need_route(*std::get<Session*>(found), id, liveness);
}

Session& Registry::add(std::unique_ptr<Session> session) {
  Session& added = *session;
  sessions_.emplace(added.id, std::move(session));
  return added;
}

void Registry::erase(const Session& session) {
  sessions_.erase(sessions_.find(session.id));
}

}  // namespace sluice::control
