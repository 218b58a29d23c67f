#include "dataplane/shared/worker_memory.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sluice::dataplane {

Waker::Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Waker::~Waker() {
  close(fd_);
}

void Waker::wake() {
  // The pushed entry must be visible before this thread reads the flag. about_to_wait() does the reverse: the
  // flag must be visible before the other thread reads the rings.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!waiting_.load(std::memory_order_relaxed) || !waiting_.exchange(false, std::memory_order_acq_rel))
    return;
  const std::uint64_t one = 1;
  while (write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Waker::about_to_wait() {
  waiting_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Waker::awake() {
  waiting_.store(false, std::memory_order_relaxed);
  std::uint64_t count;
  while (read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

WorkerMemory::WorkerMemory(const config::Limits& limits, ControlWaker& control_waker)
    : waker(control_waker),
      endpoints(limits.endpoints_per_worker),
      keys(limits.endpoints_per_worker),
      sources(limits.routes_per_worker),
      routes(limits.routes_per_worker),
      streams(limits.streams_per_worker) {}

}  // namespace sluice::dataplane
