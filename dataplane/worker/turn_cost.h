// turn_cost: what a turn of the loop costs, apart for the turn itself and for each packet in it. The share of
// time that a worker is busy does not say how much more it could do: under little load it works on one packet
// at a time and pays a whole turn for each. So it notes, for one busy turn in kEvery, packets and cycles, as
// sums from which the control thread draws the straight line cycles = turn + packets * each (least squares).
//
// The worker writes (a handful of adds per kEvery busy turns); the control thread reads with relaxed loads.
#pragma once

#include <cstdint>

#include "dataplane/base/counters.h"

namespace sluice::dataplane {

/// A worker's own hand on its TurnSamples. `work` is all packets that it has ever received and sent,
/// its own and others'.
class TurnMeter {
 public:
  static constexpr std::uint32_t kEvery = 16;
  /// More cycles than this a packet are no cost of ours: the CPU was taken away in the middle of a turn.
  static constexpr std::uint64_t kPlausibleCycles = 16384;

  /// After every busy turn.
  void turned(WorkerCounters& counters, std::uint64_t cycles) {
    const std::uint64_t work = counters.received.read() + counters.borrowed.read() +
                               counters.transmitted.read() + counters.passed_on.read();
    if (turns_++ % kEvery == 0) {
      const std::uint64_t packets = work - work_;
      if (packets != 0 && cycles <= (packets + 1) * kPlausibleCycles)
        counters.turn_samples.add(packets, cycles);
    }
    work_ = work;
  }

 private:
  std::uint32_t turns_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace sluice::dataplane
