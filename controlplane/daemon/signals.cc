#include "controlplane/daemon/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

#include "controlplane/base/log.h"

namespace sluice::control {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

int block_and_open() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

int open_event() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

Signals::Signals() : fd_(block_and_open()) {}

std::optional<int> Signals::take() {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

StartWatch::StartWatch(Signals& signals)
    : signals_(signals), stop_(open_event()), thread_([this] { watch(); }) {}

void StartWatch::set_clean_up(std::function<void()> clean_up) {
  const std::lock_guard lock(mutex_);
  clean_up_ = std::move(clean_up);
}

void StartWatch::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void StartWatch::watch() {
  std::array<pollfd, 2> fds{{{stop_.get(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
  for (;;) {
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) return;
    const auto number = signals_.take();
    if (!number || *number == SIGHUP) continue;
    log::info("stopped code=0 why={}: told before the start had ended",
              *number == SIGTERM ? "SIGTERM" : "SIGINT");
    const std::lock_guard lock(mutex_);
    if (clean_up_) clean_up_();
    _exit(0);  // the other thread may be deep in a library that cannot be interrupted
  }
}

}  // namespace sluice::control
