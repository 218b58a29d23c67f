// answer: the result of a request's handler, and the line that it becomes. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "controlplane/api/api_errors.h"
#include "controlplane/base/json.h"

namespace sluice::control {

struct Outcome {
  std::variant<OrderedJson, ApiError> result;
  bool subscribe = false;  // send events on this connection after the answer
};

/// The callback that a handler answers with: at once or later, one time only. If it is destroyed without a
/// call, the peer gets an internal error, so that no peer waits for ever.
class Answer {
 public:
  explicit Answer(std::function<void(Outcome)> deliver);
  void operator()(Outcome outcome) const;

 private:
  struct Once;
  std::shared_ptr<Once> once_;
};

using RequestHandler = std::function<void(const std::string& method, const Json& params, Answer answer)>;

/// The line that answers the request with that id.
[[nodiscard]] std::string answer_line(const Json& id, const Outcome& outcome);
/// The error as an answer line without a request id.
[[nodiscard]] std::string error_line(const ApiError& error);

}  // namespace sluice::control
