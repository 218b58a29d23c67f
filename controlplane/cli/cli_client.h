// cli_client: sluicectl's end of the API's socket: blocking, one request at a time.
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

  /// False with the reason in `error`, which names the socket and says how to start the daemon.
  bool open(const std::string& path, std::string& error);
  ~Client();
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The answer as it came ("result" or "error" inside), or nullopt with the reason in `error`.
  std::optional<OrderedJson> call(std::string_view method, const OrderedJson& params, std::string& error);
  /// The next notification; waits for as long as it takes. nullopt when the daemon has gone.
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
