// signals: SIGTERM, SIGINT and SIGHUP, read from a descriptor. They are blocked from the first moment on, so
// that none of them has its default action in any phase: neither while the daemon starts nor while it ends.
// Any thread may read.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "controlplane/server/descriptor.h"

namespace sluice::control {

class Signals {
 public:
  /// Blocks the signals for this thread and for all that it starts from now on. They stay blocked to the end
  /// of the process. Throws std::system_error.
  Signals();
  /// Readable when a signal waits.
  int fd() const { return fd_.get(); }
  /// The next signal; nullopt when none waits.
  [[nodiscard]] std::optional<int> take();

 private:
  Descriptor fd_;
};

/// Watches the signals while the daemon starts, which may take many seconds in DPDK: SIGTERM and SIGINT end
/// the process at once with exit code 0. SIGHUP changes nothing.
class StartWatch {
 public:
  explicit StartWatch(Signals& signals);
  ~StartWatch() { stop(); }
  StartWatch(const StartWatch&) = delete;
  StartWatch& operator=(const StartWatch&) = delete;

  /// What to do before the process ends. It runs on another thread, while this one may be anywhere.
  void set_clean_up(std::function<void()> clean_up);
  /// Signals that come later wait for the caller.
  void stop();

 private:
  void watch();

  Signals& signals_;
  std::mutex mutex_;
  std::function<void()> clean_up_;
  Descriptor stop_;
  std::thread thread_;
};

}  // namespace sluice::control
