// errors: why a request is refused, as the sessions tell it and every front end renders it: the kind, a
// message for people, and the detail that a program acts on. Nothing here knows JSON, HTTP or any other wire.
// Plain values and pure functions; control thread.
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

/// `param` by its path in docs/api.md: "dtls.fingerprints[0].value".
struct InvalidParameter {
  std::string param;
  std::string found;
  std::string allowed;
};

struct NotFound {
  std::string kind;  // "session", "endpoint", "route"
  std::string id;
  std::string session;  // where it was looked for; empty for sessions themselves
};

struct LimitReached {
  std::string limit;
  std::uint64_t value = 0;
  // Of worker_load_percent: where the least loaded worker stands, and which one that is.
  std::optional<unsigned> found = {};
  std::optional<std::size_t> worker = {};
};

/// The object that has the id. Shared, as an error is copied on its way and the object is large.
struct Conflict {
  std::shared_ptr<const ExistingObject> existing;
};

/// A conflict that no object causes names the parameter; wrong states and internal errors have no detail.
using ErrorDetail = std::variant<std::monostate, InvalidParameter, NotFound, LimitReached, Conflict>;

struct RequestError {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  ErrorDetail detail = {};
};

/// "profile: found X; allowed: Y"
[[nodiscard]] RequestError refuse_parameter(std::string_view param, std::string_view found,
                                            std::string_view allowed);
/// "no endpoint "x" in session "y""; `session` empty for sessions themselves.
[[nodiscard]] RequestError refuse_unknown(std::string_view kind, std::string_view id,
                                          std::string_view session = {});
[[nodiscard]] RequestError refuse_limit(std::string_view limit, std::uint64_t value);
/// limits.worker_load_percent: even `worker`, the least loaded, is at `found`.
[[nodiscard]] RequestError refuse_load(unsigned allowed, unsigned found, std::size_t worker);
[[nodiscard]] RequestError refuse_state(std::string message);
/// What is asked for would be right if something else did not have it.
[[nodiscard]] RequestError refuse_conflict(std::string_view param, std::string_view found,
                                           std::string_view allowed);
[[nodiscard]] RequestError refuse_existing(const EndpointView& existing);
[[nodiscard]] RequestError refuse_existing(const RouteView& existing);
[[nodiscard]] RequestError refuse_internal(std::string message);

}  // namespace sluice::control
