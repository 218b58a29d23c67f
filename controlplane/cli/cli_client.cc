#include "controlplane/cli/cli_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::control::cli {
namespace {

std::string cannot_connect(const std::string& path, int code) {
  const char* hint = code == EACCES
                         ? "the API is for root, the daemon's user, [api] users and groups: try sudo"
                         : "is sluiced running? Start it with: sluiced --config FILE";
  return fmt::format("cannot connect to {}: {}\n  {}\n  another socket: --socket PATH, or SLUICE_SOCKET=PATH",
                     path, std::strerror(code), hint);
}

}  // namespace

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

bool Client::open(const std::string& path, std::string& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    error = cannot_connect(path, ENAMETOOLONG);
    return false;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0 && connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  error = cannot_connect(path, errno);
  return false;
}

void Client::limit_waiting(std::chrono::seconds limit) {
  const timeval timeout{.tv_sec = limit.count(), .tv_usec = 0};  // 0 = no limit
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

bool Client::send(std::string_view text, std::string& error) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      error = fmt::format("cannot send the request: {}", std::strerror(errno));
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<OrderedJson> Client::receive(std::string& error) {
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = input_.find('\n', searched); end != std::string::npos) {
      OrderedJson line =
          OrderedJson::parse(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(end), nullptr,
                             /*allow_exceptions=*/false);
      input_.erase(0, end + 1);
      if (line.is_object()) return line;
      error = "the daemon's answer is not a JSON object";
      return std::nullopt;
    }
    searched = input_.size();
    char buffer[65536];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      error = size == 0         ? "the daemon closed the connection"
              : errno == EAGAIN ? fmt::format("no answer within {} s", kAnswerLimit.count())
                                : fmt::format("the connection broke: {}", std::strerror(errno));
      return std::nullopt;
    }
    input_.append(buffer, static_cast<std::size_t>(size));
  }
}

std::optional<OrderedJson> Client::call(std::string_view method, const OrderedJson& params,
                                        std::string& error) {
  const std::uint64_t id = next_id_++;
  const OrderedJson request{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  std::string send_error;
  const bool is_sent = send(to_line(request) + "\n", send_error);
  limit_waiting(kAnswerLimit);
  for (;;) {
    // A daemon that refuses the connection sends the reason before it closes, so read it even when the
    // request could not be sent.
    auto answer = receive(error);
    if (!answer) {
      if (!is_sent) error = send_error;
      return std::nullopt;
    }
    if (!answer->contains("id") && answer->contains("method")) continue;  // an event before the answer
    if (!answer->contains("error") && !answer->contains("result")) {
      error = "the daemon's answer has neither a result nor an error";
      return std::nullopt;
    }
    return answer;
  }
}

std::optional<OrderedJson> Client::next_notification(std::string& error) {
  limit_waiting(std::chrono::seconds(0));
  return receive(error);
}

}  // namespace sluice::control::cli
