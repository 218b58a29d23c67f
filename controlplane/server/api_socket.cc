#include "controlplane/server/api_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "controlplane/server/descriptor.h"

namespace sluice::control {
namespace {

constexpr int kBacklog = 256;

std::string os_text() {
  return std::strerror(errno);
}

/// The hint for an error that may come from missing privileges.
std::string_view privilege_hint() {
  return geteuid() == 0 ? "" : "; sluiced is not running as root: start it as root, or set [api] socket";
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Removes the socket of a dead daemon. False with the reason when the path is in use, or is no socket.
bool clear_path(const std::string& path, const sockaddr_un& address, std::string& error) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return true;
    error = fmt::format("API socket {}: {}", path, os_text());
    return false;
  }
  if (!S_ISSOCK(status.st_mode)) {
    error = fmt::format(
        "API socket {}: something that is not a socket lies there; move it or set [api] socket", path);
    return false;
  }
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool connected = connect(probe.get(), as_sockaddr(address), sizeof address) == 0;
  if (connected || errno == EAGAIN) {  // EAGAIN: a process listens, and its backlog is full
    ucred peer{};
    socklen_t length = sizeof peer;
    const bool known = connected && getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
    error = fmt::format("API socket {} is in use by a running process{}; stop it first or set [api] socket",
                        path, known ? fmt::format(" (pid {})", peer.pid) : "");
    return false;
  }
  if (errno != ECONNREFUSED) {
    error = fmt::format("API socket {}: {}", path, os_text());
    return false;
  }
  if (unlink(path.c_str()) == 0) return true;
  error = fmt::format("API socket {}: a dead process left it and it cannot be removed: {}", path, os_text());
  return false;
}

/// Binds, sets the file's mode and listens. The umask keeps the mode from being wider at any moment. False
/// with the reason in `error`; then no path of ours is left.
bool bind_with_mode(int fd, const std::string& path, const sockaddr_un& address, mode_t mode,
                    std::optional<gid_t> group, std::string& error) {
  const mode_t before = umask(static_cast<mode_t>(0777 & ~mode));
  const bool bound = bind(fd, as_sockaddr(address), sizeof address) == 0;
  const std::string why = os_text();
  umask(before);
  if (!bound) {
    error = fmt::format("API socket {}: {}{}", path, why, privilege_hint());
    return false;
  }
  const bool has_group = !group || chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0;
  if (has_group && chmod(path.c_str(), mode) == 0 && listen(fd, kBacklog) == 0) return true;
  error = has_group ? fmt::format("API socket {}: {}", path, os_text())
                    : fmt::format("API socket {}: it cannot get group id {}: {}{}", path, *group, os_text(),
                                  privilege_hint());
  unlink(path.c_str());
  return false;
}

}  // namespace

std::unique_ptr<ApiSocket> ApiSocket::claim(const config::Api& api, std::string& error,
                                            std::optional<gid_t> group) {
  const auto address = address_of(api.socket);
  if (!address) {
    error = fmt::format("API socket {}: {} bytes; allowed: 1..{}", api.socket, api.socket.size(),
                        sizeof(sockaddr_un::sun_path) - 1);
    return nullptr;
  }
  auto directory = std::filesystem::path(api.socket).parent_path();
  if (directory.empty()) directory = ".";
  const mode_t before = umask(0022);
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  umask(before);
  if (code) {
    error = fmt::format("API socket {}: directory {}: {}{}", api.socket, directory.string(), code.message(),
                        privilege_hint());
    return nullptr;
  }

  // The lock keeps two daemons that start at the same moment from removing each other's new socket. Its file
  // is ours alone (0600): every user who can open the directory could take a lock on that.
  const std::string lock_path = api.socket + ".lock";
  InstanceLock::Refusal refusal;
  auto lock = InstanceLock::take(lock_path, refusal);
  if (!lock) {
    error =
        refusal.is_held
            ? fmt::format("API socket {} is in use by {}, which holds {}; stop it first or set [api] socket",
                          api.socket, refusal.reason, lock_path)
            : fmt::format("API socket {}: lock file {}: {}{}", api.socket, lock_path, refusal.reason,
                          privilege_hint());
    return nullptr;
  }
  if (!clear_path(api.socket, *address, error)) return nullptr;
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) {
    error = fmt::format("API socket {}: {}", api.socket, os_text());
    return nullptr;
  }
  if (!bind_with_mode(fd.get(), api.socket, *address, api.mode, group, error)) return nullptr;

  struct stat status {};
  std::unique_ptr<ApiSocket> result(new ApiSocket(api.socket, fd.release(), std::move(lock)));
  if (lstat(api.socket.c_str(), &status) == 0) {
    result->device_ = status.st_dev;
    result->inode_ = status.st_ino;
  }
  return result;
}

ApiSocket::~ApiSocket() {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    unlink(path_.c_str());
  if (fd_ >= 0) close(fd_);
}

int ApiSocket::release_fd() {
  return std::exchange(fd_, -1);
}

}  // namespace sluice::control
