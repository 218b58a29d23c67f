#include "controlplane/daemon/event_loop.h"

#include <algorithm>

namespace sluice::control {

EventLoop::EventLoop(dataplane::ControlWaker& waker) : waker_(waker), wakeups_(io_, waker.fd()) {
  arm();
}

EventLoop::~EventLoop() {
  wakeups_.release();
}  // the descriptor is the waker's

void EventLoop::arm() {
  wakeups_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](boost::system::error_code error) {
                        if (!error) arm();  // awake() empties the eventfd
                      });
}

std::size_t EventLoop::run_handlers() {
  const auto until = Clock::now() + kMaxHandlerTime;
  std::size_t count = 0;
  while (count < kMaxHandlersPerTurn && io_.poll_one() > 0) {
    ++count;
    if (Clock::now() >= until) break;
  }
  return count;
}

void EventLoop::run(const Work& work) {
  auto next_tick = Clock::now();
  while (!is_stopped_) {
    const auto now = Clock::now();
    const bool is_drained = work.poll(now);
    if (now >= next_tick) next_tick = std::min(work.tick(now), now + kMaxTickInterval);
    if (run_handlers() > 0 || !is_drained) continue;

    waker_.about_to_wait();
    // Entries pushed before about_to_wait() did not wake this thread, so look at the rings once more.
    if (work.poll(Clock::now()) && !is_stopped_) io_.run_one_until(next_tick);
    waker_.awake();
  }
}

}  // namespace sluice::control
