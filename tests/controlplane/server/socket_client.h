// socket_client: a plain connection to the API's socket, for what sluicectl does not do. One thread.
#pragma once

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/base/json.h"

namespace sluice::control::test {

class SocketClient {
 public:
  /// `patience_s`: how long line() and send_bytes() wait.
  explicit SocketClient(const std::string& path, int patience_s = 20)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    is_connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval timeout{.tv_sec = patience_s, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  }
  ~SocketClient() { close(fd_); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  bool is_connected() const { return is_connected_; }
  /// False when the peer closed the connection before it took everything.
  bool send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_output() { shutdown(fd_, SHUT_WR); }
  int fd() const { return fd_; }

  /// The next line. nullopt at the end of the stream, or when nothing comes in time.
  std::optional<std::string> line() {
    for (;;) {
      if (const auto end = input_.find('\n', begin_); end != std::string::npos) {
        std::string text = input_.substr(begin_, end - begin_);
        begin_ = end + 1;
        return text;
      }
      input_.erase(0, begin_);
      begin_ = 0;
      char buffer[65536];
      const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) {
        is_at_end_ = size == 0;
        return std::nullopt;
      }
      input_.append(buffer, static_cast<std::size_t>(size));
    }
  }
  bool is_at_end() const { return is_at_end_; }
  Json answer() {
    const auto text = line();
    return text ? Json::parse(*text) : Json();
  }

 private:
  int fd_;
  bool is_connected_ = false;
  bool is_at_end_ = false;
  std::string input_;
  std::size_t begin_ = 0;
};

inline std::string request(const std::string& method, const Json& params = Json::object(),
                           const Json& id = 1) {
  return Json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}.dump() + "\n";
}

}  // namespace sluice::control::test
