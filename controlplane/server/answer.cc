#include "controlplane/server/answer.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::control {

struct Answer::Once {
  explicit Once(std::function<void(Outcome)> to) : deliver(std::move(to)) {}
  ~Once() {
    if (!deliver) return;
    try {
      deliver({.result = to_api_error(refuse_internal("internal error: the request was dropped"))});
    } catch (...) {  // out of memory: a destructor cannot report an error
    }
  }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  std::function<void(Outcome)> deliver;
};

Answer::Answer(std::function<void(Outcome)> deliver) : once_(std::make_shared<Once>(std::move(deliver))) {}

void Answer::operator()(Outcome outcome) const {
  if (const auto deliver = std::exchange(once_->deliver, nullptr)) deliver(std::move(outcome));
}

std::string answer_line(const Json& id, const Outcome& outcome) {
  const std::string id_text = id.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (const auto* error = std::get_if<ApiError>(&outcome.result))
    return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{}}}\n", id_text, to_line(render(*error)));
  return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{}}}\n", id_text,
                     to_line(std::get<OrderedJson>(outcome.result)));
}

std::string error_line(const ApiError& error) {
  return answer_line(nullptr, {.result = error});
}

}  // namespace sluice::control
