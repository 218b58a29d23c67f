// instance_lock: a lock file that one process at a time holds, for as long as it lives. The kernel releases
// the lock when the process ends, in whatever way. Control thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace sluice::control {

class InstanceLock {
 public:
  struct Refusal {
    bool is_held = false;  // by another process
    std::string reason;    // "a running process (pid 7)" when it is held, else what is wrong with the file
  };

  /// Takes the lock, with a file of mode 0600 that has our process id. Never waits. nullptr with the reason
  /// in `refusal` when another process holds it, or when what lies at `path` is not ours to lock.
  static std::unique_ptr<InstanceLock> take(const std::string& path, Refusal& refusal);
  /// Removes the file and releases the lock.
  ~InstanceLock();
  InstanceLock(const InstanceLock&) = delete;
  InstanceLock& operator=(const InstanceLock&) = delete;

 private:
  InstanceLock(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

}  // namespace sluice::control
