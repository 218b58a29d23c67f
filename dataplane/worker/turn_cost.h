// turn_cost: measures what a turn of the loop costs by itself, and what each packet adds. The share of time
// that a worker is busy does not say how much more it could do: under little load each turn has only one
// packet. So the worker notes packets and cycles of one busy turn in kEvery, as sums. From these sums the
// control thread computes the line cycles = turn + packets * each (least squares).
//
// The worker writes the sums. The control thread reads them with relaxed loads.
#pragma once

#include <cstdint>

#include "dataplane/base/counters.h"

namespace sluice::dataplane {

/// Adds to the TurnSamples of one worker. Worker only.
class TurnMeter {
 public:
  static constexpr std::uint32_t kEvery = 16;
  /// A turn with more cycles a packet than this is not counted: the kernel took the CPU away in between.
  static constexpr std::uint64_t kPlausibleCycles = 16384;

  /// Called after every busy turn, with its TSC cycles.
  void turned(WorkerCounters& counters, std::uint64_t cycles) {
    // All packets that the worker has ever received and sent, those for other workers included.
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
