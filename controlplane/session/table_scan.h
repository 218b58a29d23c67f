// table_scan: visits every slot of every worker once a second, a bounded number per turn, so that a full
// table does not block the control thread. Pure arithmetic; control thread.
#pragma once

#include <chrono>
#include <cstddef>

#include "controlplane/session/objects.h"

namespace sluice::control {

class TableScan {
 public:
  static constexpr std::size_t kSlotsPerTurn = 4096;
  static constexpr std::chrono::seconds kPeriod{1};

  /// Visits up to kSlotsPerTurn slots. `size(worker)` is the number of slots to visit. `look(worker, slot)`
  /// visits one and returns what that costs: 1 for a look, more for a visit that did something. Returns when
  /// to call it again.
  template <typename Size, typename Look>
  TimePoint turn(TimePoint now, std::size_t workers, Size size, Look look) {
    if (now < next_) return next_;
    std::size_t spent = 0;
    for (; worker_ < workers; ++worker_, slot_ = 0) {
      for (const std::size_t end = size(worker_); slot_ < end; ++slot_) {
        if (spent >= kSlotsPerTurn) return now;
        spent += look(worker_, slot_);
      }
    }
    worker_ = slot_ = 0;
    next_ = now + kPeriod;
    return next_;
  }

 private:
  TimePoint next_{};
  std::size_t worker_ = 0;
  std::size_t slot_ = 0;
};

}  // namespace sluice::control
