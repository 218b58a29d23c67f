// waves: times the work of one thread, or of two threads at once. A wave has three parts: it is filled, it
// does its turns, and it is emptied. Only the turns in the middle are timed, so the making of the load is
// not. Two threads begin the turns of each wave together. The turns before and after the timed ones keep one
// thread busy while the other is timed. The TSC shows whether the other thread was busy during all timed
// turns. If it was not, the wave is not counted.
//
// REQUIRES: the TSCs of both CPUs are synchronous, as with constant_tsc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sluice::bench {

/// One thread at a time uses a task. It may be another thread than the one that made it.
class WaveTask {
 public:
  virtual ~WaveTask() = default;
  /// Called before the first and after the last wave on a thread.
  virtual void enter() {}
  virtual void leave() {}
  /// Makes the load of `turns` turns. REQUIRES: empty() was called since the last fill().
  virtual void fill(std::size_t turns) = 0;
  /// Does one turn and returns its cycles. REQUIRES: fewer turns than fill() made a load for.
  virtual std::uint64_t turn() = 0;
  /// Removes the packets that came out, and returns how many. REQUIRES: all turns of fill() are done.
  virtual std::size_t empty() = 0;
};

inline constexpr std::size_t kLeadTurns = 1;  // until the other thread has begun too
inline constexpr std::size_t kTimedTurns = 4;
inline constexpr std::size_t kTrailTurns =
    3;  // until the other thread has ended too, even at 2/3 of the speed
inline constexpr std::size_t kTurns = kLeadTurns + kTimedTurns + kTrailTurns;

/// One wave. The times are TSC times.
struct Wave {
  std::uint64_t busy_from = 0, timed_from = 0, timed_to = 0, busy_to = 0;
  double cycles_per_packet = 0;
};

/// Whether the other thread was busy during all of the timed part.
inline bool covered(const Wave& timed, const Wave& other) {
  return other.busy_from <= timed.timed_from && timed.timed_to <= other.busy_to;
}

/// A task, and the CPU that it runs on.
struct Side {
  WaveTask* task;
  unsigned cpu;
};

/// Runs `count` waves on a new thread, after a few waves to warm up. The calling thread waits meanwhile. An
/// exception of the task is thrown here.
std::vector<Wave> run_alone(const Side& side, std::size_t count);
/// Runs both sides at once: wave i of one side together with wave i of the other. An exception of a task is
/// thrown here after both threads have ended. REQUIRES: two different CPUs.
std::array<std::vector<Wave>, 2> run_together(const std::array<Side, 2>& sides, std::size_t count);

/// The median of the cycles per packet. `others`: the waves that ran at the same time, or empty. Leaves out
/// the waves that the other side did not cover, and adds their number to `uncovered`. nullopt when more than
/// half are left out.
std::optional<double> cycles_of(std::span<const Wave> waves, std::span<const Wave> others,
                                std::size_t& uncovered);

/// The value below which `share` of all values lie. REQUIRES: not empty, share < 1.
double quantile(std::vector<double> values, double share);
inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

}  // namespace sluice::bench
