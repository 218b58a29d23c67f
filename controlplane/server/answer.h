// answer: what a request's handler says, and the lines that it becomes. Control thread.
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
  bool subscribe = false;  // events follow the answer on this connection
};

/// Called once, at once or later. Dropped uncalled, it answers with an internal error, so that no peer waits
/// for ever.
class Answer {
 public:
  explicit Answer(std::function<void(Outcome)> deliver);
  void operator()(Outcome outcome) const;

 private:
  struct Once;
  std::shared_ptr<Once> once_;
};

using RequestHandler = std::function<void(const std::string& method, const Json& params, Answer answer)>;

/// The line that answers the request of that id.
[[nodiscard]] std::string answer_line(const Json& id, const Outcome& outcome);
/// The error as an answer line, for peers that have no request to answer yet.
[[nodiscard]] std::string error_line(const ApiError& error);

}  // namespace sluice::control
