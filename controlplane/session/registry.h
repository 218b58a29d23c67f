// registry: owns the sessions, and finds every session, endpoint and route by id. For a request it also makes
// the error when there is no such object. Control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/session/objects.h"
#include "controlplane/session/options.h"
#include "controlplane/session/result.h"

namespace sluice::control {

/// Which objects a request may name.
enum class Liveness : std::uint8_t {
  kAny,      // also objects that are being removed
  kStaying,  // others only; kWrongState for one that is being removed
};

class Registry {
 public:
  /// Sorted, since lists are read in pages.
  using Sessions = std::map<std::string, std::unique_ptr<Session>>;

  /// `random` outlives this object.
  explicit Registry(const SessionOptions::Random& random) : random_(random) {}

  /// A new id: the prefix and 80 random bits.
  [[nodiscard]] std::string make_id(std::string_view prefix) const;

  /// These return nullptr when no object has that id.
  [[nodiscard]] Session* find_session(const std::string& id) const;
  [[nodiscard]] Endpoint* find_endpoint(const Session& session, const std::string& id) const;
  [[nodiscard]] Route* find_route(const Session& session, const std::string& id) const;

  /// These return an error instead, kNotFound or kWrongState, and never nullptr.
  [[nodiscard]] Result<Session*> need_session(const std::string& id, Liveness liveness) const;
  [[nodiscard]] Result<Endpoint*> need_endpoint(const Session& session, const std::string& id,
                                                Liveness liveness) const;
  [[nodiscard]] Result<Route*> need_route(const Session& session, const std::string& id,
                                          Liveness liveness) const;
  /// These look the session up first. `liveness` applies to both objects.
  [[nodiscard]] Result<Endpoint*> need_endpoint(const std::string& session, const std::string& id,
                                                Liveness liveness) const;
  [[nodiscard]] Result<Route*> need_route(const std::string& session, const std::string& id,
                                          Liveness liveness) const;

  [[nodiscard]] const Sessions& sessions() const { return sessions_; }
  /// Takes ownership. REQUIRES: no session has that id.
  Session& add(std::unique_ptr<Session> session);
  /// Deletes the session. REQUIRES: it was added.
  void erase(const Session& session);

 private:
  const SessionOptions::Random& random_;
  Sessions sessions_;
};

}  // namespace sluice::control
