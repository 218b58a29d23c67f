// event_loop: the loop of the control thread. A turn handles the workers' rings, timers, and the handlers of
// sockets and signals; each part is bounded. The thread sleeps when there is nothing to do; workers wake it
// through the eventfd of ControlWaker.
//
// Control thread. Functions of Work must call no function of this class but stop() and io().
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
    std::function<Clock::time_point(Clock::time_point)> tick;  // timers; returns when to call it next
  };

  /// The limits of one turn, whichever is reached first: the number of handlers that run, and their time.
  static constexpr std::size_t kMaxHandlersPerTurn = 64;
  static constexpr std::chrono::milliseconds kMaxHandlerTime{2};
  /// tick() is called at least this often: a request may need a timer earlier than tick() has said before.
  static constexpr std::chrono::milliseconds kMaxTickInterval{10};

  /// `waker` outlives this object.
  explicit EventLoop(dataplane::ControlWaker& waker);
  ~EventLoop();

  boost::asio::io_context& io() { return io_; }
  /// Runs turns until stop() is called.
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
