#include "bench/micro/waves.h"

#include <x86intrin.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "bench/bound/cpu_pair.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kWarmWaves = 3;

/// Two threads wait here for each other. They spin, so that both go on within a tenth of a microsecond.
class Meeting {
 public:
  /// False when the other thread has cancelled.
  bool wait() {
    const std::uint64_t present = generation_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == 1) {
      arrived_.store(0, std::memory_order_relaxed);
      generation_.store(present + 1, std::memory_order_release);
      return true;
    }
    while (generation_.load(std::memory_order_acquire) == present) {
      if (cancelled_.load(std::memory_order_relaxed)) return false;
      _mm_pause();
    }
    return true;
  }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> generation_{0};
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<bool> cancelled_{false};
};

Wave take_turns(WaveTask& task) {
  Wave wave;
  std::uint64_t cycles = 0;
  wave.busy_from = __rdtsc();
  for (std::size_t i = 0; i < kLeadTurns; ++i) task.turn();
  wave.timed_from = __rdtsc();
  for (std::size_t i = 0; i < kTimedTurns; ++i) cycles += task.turn();
  wave.timed_to = __rdtsc();
  for (std::size_t i = 0; i < kTrailTurns; ++i) task.turn();
  wave.busy_to = __rdtsc();
  // Every turn has the same number of packets.
  const double packets = static_cast<double>(task.empty()) * kTimedTurns / kTurns;
  wave.cycles_per_packet = static_cast<double>(cycles) / packets;
  return wave;
}

class Entered {
 public:
  explicit Entered(WaveTask& task) : task_(task) { task_.enter(); }
  ~Entered() { task_.leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  WaveTask& task_;
};

/// Runs the waves of one side. `meeting` is null when the side runs alone.
void run_side(const Side& side, std::size_t count, Meeting* meeting, std::vector<Wave>& waves) {
  pin_this_thread(side.cpu);
  const Entered entered(*side.task);
  waves.reserve(kWarmWaves + count);
  for (std::size_t i = 0; i < kWarmWaves + count; ++i) {
    side.task->fill(kTurns);
    if (meeting != nullptr && !meeting->wait()) return;
    waves.push_back(take_turns(*side.task));
  }
  waves.erase(waves.begin(), waves.begin() + kWarmWaves);
}

/// Calls run_side(), and keeps its exception for the thread that waits.
void guarded(const Side& side, std::size_t count, Meeting* meeting, std::vector<Wave>& waves,
             std::exception_ptr& problem) {
  try {
    run_side(side, count, meeting, waves);
  } catch (...) {
    problem = std::current_exception();
    if (meeting != nullptr) meeting->cancel();
  }
}

}  // namespace

std::vector<Wave> run_alone(const Side& side, std::size_t count) {
  std::vector<Wave> waves;
  std::exception_ptr problem;
  std::thread([&] { guarded(side, count, nullptr, waves, problem); }).join();
  if (problem) std::rethrow_exception(problem);
  return waves;
}

std::array<std::vector<Wave>, 2> run_together(const std::array<Side, 2>& sides, std::size_t count) {
  Meeting meeting;
  std::array<std::vector<Wave>, 2> waves;
  std::array<std::exception_ptr, 2> problems;
  std::thread first([&] { guarded(sides[0], count, &meeting, waves[0], problems[0]); });
  std::thread second([&] { guarded(sides[1], count, &meeting, waves[1], problems[1]); });
  first.join();
  second.join();
  for (const std::exception_ptr& problem : problems)
    if (problem) std::rethrow_exception(problem);
  return waves;
}

std::optional<double> cycles_of(std::span<const Wave> waves, std::span<const Wave> others,
                                std::size_t& uncovered) {
  std::vector<double> cycles;
  for (std::size_t i = 0; i < waves.size(); ++i)
    if (others.empty() || covered(waves[i], others[i])) cycles.push_back(waves[i].cycles_per_packet);
  uncovered += waves.size() - cycles.size();
  if (cycles.empty() || cycles.size() * 2 < waves.size()) return std::nullopt;
  return median(std::move(cycles));
}

double quantile(std::vector<double> values, double share) {
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size()));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[static_cast<std::size_t>(place)];
}

}  // namespace sluice::bench
