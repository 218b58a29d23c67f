// api_errors: errors as JSON-RPC has them: the codes, messages and `data` of docs/api.md. Only this module
// makes them: from the errors of the session layer, and for lines that are not valid JSON-RPC. Pure
// functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/base/json.h"
#include "controlplane/session/errors.h"

namespace sluice::control {

inline constexpr int kErrorParse = -32700;
inline constexpr int kErrorInvalidRequest = -32600;
inline constexpr int kErrorUnknownMethod = -32601;
inline constexpr int kErrorInvalidParams = -32602;
inline constexpr int kErrorInternal = -32000;
inline constexpr int kErrorNotFound = -32001;
inline constexpr int kErrorConflict = -32010;
inline constexpr int kErrorLimit = -32011;
inline constexpr int kErrorState = -32012;
inline constexpr int kErrorPermission = -32013;

struct ApiError {
  int code = kErrorInternal;
  std::string message;
  OrderedJson data = nullptr;  // null: no detail
};

[[nodiscard]] ApiError to_api_error(const RequestError& error);

/// The line is not JSON, or not a whole line.
[[nodiscard]] ApiError parse_error(std::string message);
/// The line is JSON, but not a request; `param` is the part that is wrong.
[[nodiscard]] ApiError invalid_request(std::string message, std::string_view param, std::string_view found,
                                       std::string_view allowed);
/// `near`: methods with a similar name.
[[nodiscard]] ApiError unknown_method(std::string_view method, const std::vector<std::string>& near,
                                      const std::vector<std::string>& allowed);
/// The peer may not use the API.
[[nodiscard]] ApiError not_permitted(std::string_view found, std::string_view allowed);

/// {"code": ..., "message": ..., "data": ...}
[[nodiscard]] OrderedJson render(const ApiError& error);

}  // namespace sluice::control
