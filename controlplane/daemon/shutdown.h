// shutdown: how the daemon stops: no new objects, close_notify and BYE to every peer, every worker's ack,
// the last answers and events to the API's peers, then the loop ends. Bounded: after Limits::whole it says
// what has not ended and ends the loop all the same. Control thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string_view>

#include "controlplane/daemon/event_loop.h"
#include "controlplane/server/api_server.h"
#include "controlplane/session/sessions.h"

namespace sluice::control {

class ShutdownSequence {
 public:
  struct Limits {
    std::chrono::milliseconds whole{15000};     // for everything
    std::chrono::milliseconds patience{10000};  // before this a second signal changes nothing
    std::chrono::milliseconds flush{1000};      // for the last answers and events
  };

  /// All outlive this.
  ShutdownSequence(EventLoop& loop, Sessions& sessions, ApiServer& server, Limits limits);

  /// `why` is for the log. Again, after Limits::patience: gives up waiting.
  void begin(std::string_view why);
  /// After the loop's end: whether every session was gone by then.
  [[nodiscard]] bool is_clean() const { return is_clean_; }

 private:
  void on_sessions_gone();
  void flush(EventLoop::Clock::time_point until);
  void give_up(std::string_view why);

  EventLoop& loop_;
  Sessions& sessions_;
  ApiServer& server_;
  Limits limits_;
  boost::asio::steady_timer limit_;
  boost::asio::steady_timer flush_;
  EventLoop::Clock::time_point began_{};
  bool has_begun_ = false;
  bool is_clean_ = false;
};

}  // namespace sluice::control
