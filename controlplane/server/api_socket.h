// api_socket: the Unix socket that the API is served on, claimed before anything else of the daemon starts.
// One daemon per path: a path that somebody answers on is refused, one that a dead daemon left behind is
// taken over, and anything else that lies there is left alone. Control thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "config/config.h"

namespace sluice::control {

class ApiSocket {
 public:
  /// Makes the directory (0755) when it is missing, binds and listens. Connections wait in the backlog until
  /// the server accepts them. nullptr with the reason in `error`.
  static std::unique_ptr<ApiSocket> claim(const config::Api& api, std::string& error);
  /// Closes, and removes the path if it still is ours.
  ~ApiSocket();
  ApiSocket(const ApiSocket&) = delete;
  ApiSocket& operator=(const ApiSocket&) = delete;

  /// The listening socket, the caller's from here. -1 the second time.
  int release_fd();
  const std::string& path() const { return path_; }

 private:
  ApiSocket(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::control
