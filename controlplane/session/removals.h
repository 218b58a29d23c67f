// removals: ends the endpoints of sessions that are being removed, a bounded number in each turn, so that the
// end of a conference of 50,000 does not stop ICE and DTLS of all others. Every endpoint of the sessions that
// wait here says goodbye before the first one is removed: a shutdown tells all peers first. Control thread
// only.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "controlplane/session/context.h"
#include "controlplane/session/endpoints.h"

namespace sluice::control {

class Removals {
 public:
  /// The most endpoints that step() handles. A goodbye costs up to some 10 us (a DTLS record).
  static constexpr std::size_t kEndpointsPerStep = 128;

  Removals(Context& context, Endpoints& endpoints) : context_(context), endpoints_(endpoints) {}

  /// Begins the removal of the session. Does nothing when it has begun already.
  void begin(Session& session, std::string_view reason);
  /// Goes on with what has begun. Call it at the end of each request and turn.
  void step();
  /// Whether step() has more to do.
  [[nodiscard]] bool is_busy() const { return !goodbyes_.empty() || !ends_.empty() || endpoints_.is_busy(); }

 private:
  /// A session by its id, since it may be gone before its turn comes.
  struct Job {
    std::string session;
    std::string last;  // the endpoint that was handled last
  };
  /// Calls `act` with the endpoints of the first job, `budget` of them at most. True when the job is done.
  template <typename Act>
  bool work(Job& job, std::size_t& budget, Act act);

  Context& context_;
  Endpoints& endpoints_;
  std::deque<Job> goodbyes_;
  std::deque<Job> ends_;
};

}  // namespace sluice::control
