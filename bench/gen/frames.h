// frames: when each stream sends its next frame. No two cameras have the same clock: the streams begin at
// random moments, and their rates differ by up to a hundredth, around the rate that was asked for. So in a
// few seconds their frames meet in many ways. Pure, apart from the random begin. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bench/gen/load.h"

namespace sluice::gen {

class Frames {
 public:
  /// Of the rates, between the slowest and the fastest stream.
  static constexpr double kSpread = 0.02;

  /// REQUIRES: load.streams, load.packets and load.per_second are not 0. `begin`: TSC time.
  Frames(const FrameLoad& load, double tsc_hz, std::uint64_t begin, std::uint32_t seed);

  struct Due {
    std::uint32_t stream;
    bool late;  // for so long that it must not be sent
  };
  /// The stream whose frame is due first, when it is due at `now`. Counts it as sent.
  std::optional<Due> next(std::uint64_t now, std::uint64_t latest);

 private:
  struct Camera {
    double due;     // TSC ticks since begin_
    double period;  // TSC ticks
  };
  std::uint64_t begin_;
  std::vector<Camera> cameras_;
};

}  // namespace sluice::gen
