// shutdown: how the daemon stops. It creates no new objects, sends close_notify and BYE to every peer, waits
// for every worker's acknowledgement, sends the last answers and events to the API's peers, and then ends the
// loop. After Limits::whole it logs what has not ended and ends the loop anyway. Control thread.
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
    std::chrono::milliseconds whole{15000};     // for the whole shutdown
    std::chrono::milliseconds patience{10000};  // a second begin() before this changes nothing
    std::chrono::milliseconds flush{1000};      // for the last answers and events
  };

  /// The arguments outlive this object.
  ShutdownSequence(EventLoop& loop, Sessions& sessions, ApiServer& server, Limits limits);

  /// Begins the shutdown; `why` is logged. A second call after Limits::patience ends the loop at once.
  void begin(std::string_view why);
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  /// Read it after the end of the loop: true when every session was removed.
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
