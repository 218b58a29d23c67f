// registry: every session, and through it every endpoint and route, found by id, with the error that a
// request gets when there is none. It owns the sessions. Control thread only.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "controlplane/session/objects.h"
#include "controlplane/session/options.h"
#include "controlplane/session/result.h"

namespace sluice::control {

/// Which objects a request may name.
enum class Liveness : std::uint8_t {
  kAny,      // also those that are being removed
  kStaying,  // not those: kErrorState
};

class Registry {
 public:
  using Sessions = std::unordered_map<std::string, std::unique_ptr<Session>>;

  /// `random` outlives this.
  explicit Registry(const SessionOptions::Random& random) : random_(random) {}

  /// A fresh id: the prefix and 80 random bits.
  [[nodiscard]] std::string make_id(std::string_view prefix) const;

  /// nullptr when there is none of that id.
  [[nodiscard]] Session* find_session(const std::string& id) const;
  [[nodiscard]] Endpoint* find_endpoint(const Session& session, const std::string& id) const;
  [[nodiscard]] Route* find_route(const Session& session, const std::string& id) const;

  /// The same for a request: never nullptr, but the error that names what is missing.
  [[nodiscard]] Result<Session*> need_session(const std::string& id, Liveness liveness) const;
  [[nodiscard]] Result<Endpoint*> need_endpoint(const Session& session, const std::string& id,
                                                Liveness liveness) const;
  [[nodiscard]] Result<Route*> need_route(const Session& session, const std::string& id,
                                          Liveness liveness) const;
  /// With the session looked up first. `liveness` is asked of both.
  [[nodiscard]] Result<Endpoint*> need_endpoint(const std::string& session, const std::string& id,
                                                Liveness liveness) const;
  [[nodiscard]] Result<Route*> need_route(const std::string& session, const std::string& id,
                                          Liveness liveness) const;

  [[nodiscard]] const Sessions& sessions() const { return sessions_; }
  Session& add(std::unique_ptr<Session> session);
  void erase(const Session& session);

  /// Sessions without endpoints, longest empty first.
  [[nodiscard]] const std::list<Session*>& empty_sessions() const { return empty_sessions_; }
  void mark_empty(Session& session, TimePoint now);
  void mark_occupied(Session& session);

 private:
  const SessionOptions::Random& random_;
  Sessions sessions_;
  std::list<Session*> empty_sessions_;
};

}  // namespace sluice::control
