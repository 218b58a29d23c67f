// waves: work of one thread or of two at once, timed without the CPU of the thread that makes the load. A
// wave is filled, takes turns, and is emptied; only its middle turns are timed. Where two threads work at
// once they begin each wave's turns together, and the turns before and after the timed ones keep the one busy
// while the other is timed; what was not covered by the other's turns is known by the time-stamp counter and
// is not counted.
//
// The counters of both CPUs must run together, as a constant_tsc does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sluice::bench {

/// One thread at a time, which need not be the one that made it.
class WaveTask {
 public:
  virtual ~WaveTask() = default;
  /// Before its first and after its last wave on a thread.
  virtual void enter() {}
  virtual void leave() {}
  /// Makes the load of so many turns. REQUIRES: empty() since the last fill().
  virtual void fill(std::size_t turns) = 0;
  /// Cycles of one turn. REQUIRES: fewer turns since fill() than it was asked for.
  virtual std::uint64_t turn() = 0;
  /// Takes away what came out; how many packets. REQUIRES: as many turns as fill() was asked for.
  virtual std::size_t empty() = 0;
};

inline constexpr std::size_t kLeadTurns = 1;  // until the other has begun as well
inline constexpr std::size_t kTimedTurns = 4;
inline constexpr std::size_t kTrailTurns = 3;  // until the other has ended too, were it slower by half
inline constexpr std::size_t kTurns = kLeadTurns + kTimedTurns + kTrailTurns;

/// One wave, by the time-stamp counter.
struct Wave {
  std::uint64_t busy_from = 0, timed_from = 0, timed_to = 0, busy_to = 0;
  double cycles_per_packet = 0;
};

/// The other thread took turns during all of the timed part.
inline bool covered(const Wave& timed, const Wave& other) {
  return other.busy_from <= timed.timed_from && timed.timed_to <= other.busy_to;
}

/// A task, and the CPU that it shall have.
struct Side {
  WaveTask* task;
  unsigned cpu;
};

/// `count` waves on a thread of its own, after a few that are not told; the others of the program sleep.
std::vector<Wave> run_alone(const Side& side, std::size_t count);
/// Both at once: wave i of the one with wave i of the other. What a task throws is thrown here, when both
/// threads have ended. REQUIRES: two CPUs.
std::array<std::vector<Wave>, 2> run_together(const std::array<Side, 2>& sides, std::size_t count);

/// Median of the waves. `others`: what ran beside them, empty when nothing did. `uncovered` counts those left
/// out; when more than half are, there is no figure.
std::optional<double> cycles_of(std::span<const Wave> waves, std::span<const Wave> others,
                                std::size_t& uncovered);

/// The value that the share of all lies below. REQUIRES: not empty, share < 1.
double quantile(std::vector<double> values, double share);
inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

}  // namespace sluice::bench
