// errors: why a request is refused: the kind, a message for people, and the detail that programs read.
// Sessions returns these values; each front end renders them. Nothing here knows JSON, HTTP or another
// format. Plain values and pure functions; control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "controlplane/session/model.h"

namespace sluice::control {

enum class ErrorKind : std::uint8_t {
  kInvalidParameter,
  kNotFound,
  kConflict,
  kLimitReached,
  kWrongState,
  kInternal,
};

/// `param` is the path of the parameter in docs/api.md: "dtls.fingerprints[0].value".
struct InvalidParameter {
  std::string param;
  std::string found;
  std::string allowed;
};

struct NotFound {
  std::string kind;  // "session", "endpoint", "route"
  std::string id;
  std::string session;  // the session that was searched; empty when `kind` is "session"
};

struct LimitReached {
  std::string limit;
  std::uint64_t value = 0;
  // For worker_load_percent only: the least loaded worker, and its load in percent.
  std::optional<unsigned> found = {};
  std::optional<std::size_t> worker = {};
};

/// The object that has the id already. It is shared because errors are copied and the object is large.
struct Conflict {
  std::shared_ptr<const ExistingObject> existing;
};

/// kConflict without an existing object has InvalidParameter, and so has kWrongState where one parameter
/// comes too late. Other kWrongState and kInternal have no detail.
using ErrorDetail = std::variant<std::monostate, InvalidParameter, NotFound, LimitReached, Conflict>;

struct RequestError {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  ErrorDetail detail = {};
};

/// "profile: found X; allowed: Y"
[[nodiscard]] RequestError refuse_parameter(std::string_view param, std::string_view found,
                                            std::string_view allowed);
/// "no endpoint "x" in session "y""; `session` is empty when `kind` is "session".
[[nodiscard]] RequestError refuse_unknown(std::string_view kind, std::string_view id,
                                          std::string_view session = {});
[[nodiscard]] RequestError refuse_limit(std::string_view limit, std::uint64_t value);
/// The limit is limits.worker_load_percent; the load of `worker`, the least loaded one, is `found` percent.
[[nodiscard]] RequestError refuse_load(unsigned allowed, unsigned found, std::size_t worker);
[[nodiscard]] RequestError refuse_state(std::string message);
/// kWrongState: the value is valid, but comes too late to replace the one that is in use.
[[nodiscard]] RequestError refuse_late(std::string_view param, std::string_view found,
                                       std::string_view allowed);
/// kConflict: the value is valid, but another object uses it.
[[nodiscard]] RequestError refuse_conflict(std::string_view param, std::string_view found,
                                           std::string_view allowed);
[[nodiscard]] RequestError refuse_existing(const SessionView& existing);
[[nodiscard]] RequestError refuse_existing(const EndpointView& existing);
[[nodiscard]] RequestError refuse_existing(const RouteView& existing);
[[nodiscard]] RequestError refuse_internal(std::string message);

}  // namespace sluice::control
