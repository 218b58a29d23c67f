// removals: ends endpoints, a bounded number of them and of their routes in each turn, so that the end of a
// conference of 50,000, or of its publisher, does not stop ICE and DTLS of all others. Every endpoint of the
// sessions that wait here says goodbye before the first of those sessions loses one: a shutdown tells all
// peers first. Control thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/session/context.h"
#include "controlplane/session/endpoints.h"

namespace sluice::control {

class Removals {
 public:
  /// The most endpoints that step() handles. A goodbye costs up to some 10 us (a DTLS record).
  static constexpr std::size_t kEndpointsPerStep = 128;
  /// The most routes that step() removes, and also the most that the calls of begin() between two steps
  /// remove at once. A route costs about a microsecond: some commands, and cache misses.
  static constexpr std::size_t kRoutesPerStep = 256;
  /// The most sessions whose removal step() begins when all must go.
  static constexpr std::size_t kSessionsPerStep = 512;

  Removals(Context& context, Endpoints& endpoints) : context_(context), endpoints_(endpoints) {}

  /// Begins the removal of the session. Does nothing when it has begun already.
  void begin(Session& session, std::string_view reason);
  /// Begins the removal of the endpoint. One with few routes is on its way at once; step() does the rest of
  /// one with many.
  void begin(Endpoint& endpoint, std::string_view reason);
  /// Begins the removal of every session. REQUIRES: no session is added from now on.
  void begin_all(std::string_view reason);
  /// Goes on with what has begun. Call it at the end of each request and turn.
  void step();
  /// Whether step() has more to do.
  [[nodiscard]] bool is_busy() const {
    return all_.has_value() || !goodbyes_.empty() || !detaching_.empty() || !ends_.empty();
  }

 private:
  /// A session by its id, since it may be gone before its turn comes.
  struct Job {
    std::string session;
    std::string last;  // the endpoint that was handled last
  };
  /// An endpoint that has routes left.
  struct Detaching {
    std::size_t worker = 0;
    dataplane::SlotRef endpoint;
  };
  /// The removal of every session.
  struct All {
    std::string reason;
    std::string last;  // the session that was handled last
  };
  /// What is left of one step.
  struct Budget {
    std::size_t endpoints = kEndpointsPerStep;
    std::size_t routes = kRoutesPerStep;
  };

  /// Calls `act` with the endpoints of the job, as many as the budget says. `act` returns false when it must
  /// see the same endpoint again. True when the job is done.
  template <typename Act>
  bool work(Job& job, Budget& budget, Act act);
  void begin_sessions();
  void say_goodbyes(Budget& budget);
  void detach(Budget& budget);
  void end_sessions(Budget& budget);

  Context& context_;
  Endpoints& endpoints_;
  std::size_t at_once_ = kRoutesPerStep;  // what begin() may still remove before the next step
  std::optional<All> all_;
  std::deque<Job> goodbyes_;
  std::deque<Detaching> detaching_;
  std::deque<Job> ends_;
};

}  // namespace sluice::control
