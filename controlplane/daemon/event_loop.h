// event_loop: the control thread's loop: the workers' rings, the API's sockets, timers and signals in turns,
// each turn bounded, and asleep when there is nothing. Workers wake it through the ControlWaker's eventfd.
//
// Control thread. Only stop() may be called from inside the work.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>

#include "dataplane/shared/worker_memory.h"

namespace sluice::control {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;

  struct Work {
    std::function<bool(Clock::time_point)> poll;  // drains the rings; false when there may be more
    std::function<Clock::time_point(Clock::time_point)> tick;  // timers; says when to call it next
  };

  /// Handlers that run before the rings are looked at again, and for how long. Whichever is reached first.
  static constexpr std::size_t kMaxHandlersPerTurn = 64;
  static constexpr std::chrono::milliseconds kMaxHandlerTime{2};
  /// tick() is called at least this often: what a request has just begun may need it sooner than it said.
  static constexpr std::chrono::milliseconds kMaxTickInterval{10};

  /// `waker` outlives this.
  explicit EventLoop(dataplane::ControlWaker& waker);
  ~EventLoop();

  boost::asio::io_context& io() { return io_; }
  /// Until stop().
  void run(const Work& work);
  void stop() { is_stopped_ = true; }

 private:
  void arm();
  std::size_t run_handlers();

  dataplane::ControlWaker& waker_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
  boost::asio::posix::stream_descriptor wakeups_;
  bool is_stopped_ = false;
};

}  // namespace sluice::control
