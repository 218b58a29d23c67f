// cli_client: sluicectl's connection to the API. It blocks, and has one request at a time. Used by the only
// thread of sluicectl.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/base/json.h"

namespace sluice::control::cli {

class Client {
 public:
  static constexpr std::chrono::seconds kAnswerLimit{30};

  /// Connects. False with the reason in `error`, which names the socket and says how to start the daemon.
  bool open(const std::string& path, std::string& error);
  ~Client();
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The whole answer, with "result" or "error" in it. nullopt with the reason in `error`, also when no
  /// answer comes within kAnswerLimit.
  std::optional<OrderedJson> call(std::string_view method, const OrderedJson& params, std::string& error);
  /// The next notification; waits without a limit. nullopt with the reason in `error` when the connection
  /// ends.
  std::optional<OrderedJson> next_notification(std::string& error);

 private:
  bool send(std::string_view text, std::string& error);
  std::optional<OrderedJson> receive(std::string& error);
  void limit_waiting(std::chrono::seconds limit);

  int fd_ = -1;
  std::uint64_t next_id_ = 1;
  std::string input_;
};

}  // namespace sluice::control::cli
