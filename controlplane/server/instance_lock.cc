#include "controlplane/server/instance_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "controlplane/server/descriptor.h"

namespace sluice::control {
namespace {

constexpr int kMostTries = 100;

/// Whether `path` still is the file that `fd` is open on.
bool is_file_of(const std::string& path, int fd) {
  struct stat open_file {};
  struct stat named {};
  return fstat(fd, &open_file) == 0 && lstat(path.c_str(), &named) == 0 && open_file.st_dev == named.st_dev &&
         open_file.st_ino == named.st_ino;
}

/// " (pid 7)" from the file of the process that holds the lock; empty while it has not written its id.
std::string holder(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  const std::string_view line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string_view digits = line.substr(0, line.find('\n'));
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number ? fmt::format(" (pid {})", digits) : "";
}

/// What speaks against the file at `path`, after it could not be opened. `code` is the reason why.
std::string cannot_open(const std::string& path, int code) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return "something that is not a lock file lies there; move it";
    if (status.st_uid != geteuid())
      return fmt::format("it belongs to user id {}; remove it if that user runs no sluiced", status.st_uid);
  }
  return std::strerror(code);
}

/// Opens or makes the file. Does not follow links or wait for FIFOs. -1 with the reason in `error`.
int open_file(const std::string& path, std::string& error) {
  Descriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != geteuid()) {
    error = cannot_open(path, errno);
    return -1;
  }
  return fd.release();
}

/// Writes our process id, for people and for those that find the lock taken.
bool write_holder(int fd) {
  const std::string text = fmt::format("{}\n", getpid());
  return fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0 &&
         pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace

std::unique_ptr<InstanceLock> InstanceLock::take(const std::string& path, Refusal& refusal) {
  refusal = {};
  for (int i = 0; i < kMostTries; ++i) {
    Descriptor fd(open_file(path, refusal.reason));
    if (fd.get() < 0) return nullptr;
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      refusal.is_held = errno == EWOULDBLOCK;
      refusal.reason = refusal.is_held ? "a running process" + holder(fd.get()) : std::strerror(errno);
      return nullptr;
    }
    // The process that held the lock may have removed the file after we opened it. Then we locked no path.
    if (!is_file_of(path, fd.get())) continue;
    if (write_holder(fd.get())) return std::unique_ptr<InstanceLock>(new InstanceLock(path, fd.release()));
    refusal.reason = std::strerror(errno);
    return nullptr;
  }
  refusal.reason = "other processes replace it all the time";
  return nullptr;
}

InstanceLock::~InstanceLock() {
  if (is_file_of(path_, fd_)) unlink(path_.c_str());
  close(fd_);
}

}  // namespace sluice::control
