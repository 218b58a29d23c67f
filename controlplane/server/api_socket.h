// api_socket: the Unix socket of the API. The daemon claims it before it starts anything else, so that each
// path has one daemon: it holds the lock file PATH.lock until it ends. A socket that another process answers
// on is refused; one that a dead daemon has left is replaced; a file that is no socket is left alone. Control
// thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "controlplane/server/instance_lock.h"

namespace sluice::control {

class ApiSocket {
 public:
  /// Makes the directory (0755) if it is missing, binds and listens. Connections wait in the backlog until
  /// the server accepts them. nullptr with the reason in `error`.
  /// `group` is the group of the socket's file; nullopt: that of the process.
  static std::unique_ptr<ApiSocket> claim(const config::Api& api, std::string& error,
                                          std::optional<gid_t> group = std::nullopt);
  /// Closes the socket if it was not released, removes the path if it still is this socket, and then releases
  /// the lock.
  ~ApiSocket();
  ApiSocket(const ApiSocket&) = delete;
  ApiSocket& operator=(const ApiSocket&) = delete;

  /// Gives the listening socket to the caller, who must close it. -1 when it was released before.
  int release_fd();
  const std::string& path() const { return path_; }

 private:
  ApiSocket(std::string path, int fd, std::unique_ptr<InstanceLock> lock)
      : lock_(std::move(lock)), path_(std::move(path)), fd_(fd) {}

  std::unique_ptr<InstanceLock> lock_;
  std::string path_;
  int fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::control
