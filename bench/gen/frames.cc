#include "bench/gen/frames.h"

#include <algorithm>
#include <random>

namespace sluice::gen {

Frames::Frames(const FrameLoad& load, double tsc_hz, std::uint64_t begin, std::uint32_t seed)
    : begin_(begin) {
  std::mt19937 random(seed);
  for (std::uint32_t i = 0; i < load.streams; ++i) {
    const double place = (i + 0.5) / load.streams - 0.5;
    const double period = tsc_hz / (load.per_second * (1 + kSpread * place));
    cameras_.push_back({period * std::uniform_real_distribution(0.0, 1.0)(random), period});
  }
}

std::optional<Frames::Due> Frames::next(std::uint64_t now, std::uint64_t latest) {
  const auto first = std::min_element(cameras_.begin(), cameras_.end(),
                                      [](const Camera& a, const Camera& b) { return a.due < b.due; });
  const double since = static_cast<double>(now - begin_) - first->due;
  if (since < 0) return std::nullopt;
  first->due += first->period;
  return Due{static_cast<std::uint32_t>(first - cameras_.begin()), since > static_cast<double>(latest)};
}

}  // namespace sluice::gen
