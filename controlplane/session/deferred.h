// deferred: what was found out in the middle of something that still uses the objects it is about, and so
// must wait until nothing is half done. Sessions drains it at the end of every request and of every turn of
// the loop. Control thread only.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <variant>

#include "controlplane/session/objects.h"
#include "dataplane/base/slot_ref.h"

namespace sluice::control {

/// An endpoint has to go. Nothing happens when another has its slot by then, or it is on its way out.
struct PendingRemoval {
  std::size_t worker = 0;
  dataplane::SlotRef endpoint;
  std::string reason;
};

/// An endpoint has failed. It stays, inert, so that operators can see why.
struct PendingFailure {
  std::size_t worker = 0;
  dataplane::SlotRef endpoint;
  std::string reason;
  std::string text;  // more about the reason
};

/// A session has been empty for too long.
struct IdleSession {
  std::string id;
};

/// A removal is over: who asked for it is called back.
struct Completion {
  Done done;
};

class Deferred {
 public:
  using Work = std::variant<PendingRemoval, PendingFailure, IdleSession, Completion>;

  void add(Work work) { queue_.push_back(std::move(work)); }

  /// Calls `carry_out` with each piece of work, in the order they were added, until none is left; what is
  /// added meanwhile is done as well. False, with nothing done, when it is called from within `carry_out`:
  /// the call further out does the rest, so that callbacks that make requests never nest.
  template <typename CarryOut>
  [[nodiscard]] bool drain(CarryOut&& carry_out) {
    if (draining_) return false;
    const Draining now(draining_);
    while (!queue_.empty()) {
      const Work work = std::move(queue_.front());
      queue_.pop_front();
      std::visit(carry_out, work);
    }
    return true;
  }

 private:
  /// A callback may throw.
  struct Draining {
    explicit Draining(bool& flag) : flag_(flag) { flag_ = true; }
    ~Draining() { flag_ = false; }
    Draining(const Draining&) = delete;
    Draining& operator=(const Draining&) = delete;
    bool& flag_;
  };

  std::deque<Work> queue_;
  bool draining_ = false;
};

}  // namespace sluice::control
