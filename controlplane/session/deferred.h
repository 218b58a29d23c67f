// deferred: work that must wait until no operation is half done. Some code finds out that an object must go
// while its callers still use that object; it adds the work here. Sessions drains the queue at the end of
// every request and of every turn of the loop, a bounded number of pieces each time. Control thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <variant>

#include "controlplane/session/objects.h"
#include "dataplane/base/slot_ref.h"

namespace sluice::control {

/// An endpoint must be removed. Nothing happens if the slot has another tenant by then, or if the removal has
/// begun already.
struct PendingRemoval {
  std::size_t worker = 0;
  dataplane::SlotRef endpoint;
  std::string reason;
};

/// An endpoint has failed. It stays without function, so that operators can see the reason.
struct PendingFailure {
  std::size_t worker = 0;
  dataplane::SlotRef endpoint;
  std::string reason;
  std::string text;  // more about the reason
};

/// A session must be removed: it is idle, or its lease has run out.
struct SessionEnd {
  std::string id;
  std::string reason;
};

/// A removal is complete: `done` is called.
struct Completion {
  Done done;
};

class Deferred {
 public:
  using Work = std::variant<PendingRemoval, PendingFailure, SessionEnd, Completion>;

  void add(Work work) { queue_.push_back(std::move(work)); }
  /// Whether this call comes from within drain().
  [[nodiscard]] bool is_draining() const { return draining_; }

  [[nodiscard]] bool is_empty() const { return queue_.empty(); }

  /// The most pieces of work in one drain(). The answer to a request, or a close_notify, takes some 10 us.
  static constexpr std::size_t kMostAtOnce = 512;
  /// Calls `carry_out` with each piece of work, in the order of add(), until the queue is empty or
  /// kMostAtOnce are done. Work that is added meanwhile is done as well. Returns false and does nothing when
  /// it is called from within `carry_out`: the outer call does the rest. So callbacks that make requests
  /// never nest.
  template <typename CarryOut>
  [[nodiscard]] bool drain(CarryOut&& carry_out) {
    if (draining_) return false;
    const Draining now(draining_);
    for (std::size_t left = kMostAtOnce; left > 0 && !queue_.empty(); --left) {
      const Work work = std::move(queue_.front());
      queue_.pop_front();
      std::visit(carry_out, work);
    }
    return true;
  }

 private:
  /// Resets the flag even if a callback throws.
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
