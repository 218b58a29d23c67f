// cpu_distance: how long a cache line takes from one CPU to another and back. Two threads write it in turn.
// The host may move the CPUs of a virtual machine: they share a last-level cache now, and a minute later they
// do not. Then everything that two CPUs pass to each other, such as packets, costs several times as much
// (docs/benchmarking.md).
//
//   cpu_distance [CPU CPU, default 1 0]
//
// Prints JSON: the shortest of several rounds, in nanoseconds.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include "bench/bound/cpu_pair.h"

namespace {

constexpr std::uint32_t kTurns = 2000;
constexpr int kRounds = 10;

struct Line {
  alignas(128) std::atomic<std::uint32_t> turn{0};
};

// Copies each turn number from `asked` to `answered`, until the last one.
void answer(Line& asked, Line& answered, unsigned cpu) {
  sluice::bench::pin_this_thread(cpu);
  for (std::uint32_t turn = 1; turn <= kTurns * (kRounds + 1); ++turn) {
    while (asked.turn.load(std::memory_order_acquire) != turn) {
    }
    answered.turn.store(turn, std::memory_order_release);
  }
}

double least_round_trip_ns(Line& asked, Line& answered) {
  double least = 0;
  std::uint32_t turn = 1;
  for (int round = 0; round <= kRounds; ++round) {
    const auto began = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < kTurns; ++i, ++turn) {
      asked.turn.store(turn, std::memory_order_release);
      while (answered.turn.load(std::memory_order_acquire) != turn) {
      }
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    const double each = took.count() / kTurns;
    if (round != 0 && (least == 0 || each < least)) least = each;  // the first round is a warm-up
  }
  return least;
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int i, unsigned otherwise) {
    return i < count ? static_cast<unsigned>(std::strtoul(arguments[i], nullptr, 10)) : otherwise;
  };
  const unsigned one = number(1, 1);
  const unsigned other = number(2, 0);
  if (one == other) {
    std::fprintf(stderr, "cpu_distance: two different CPUs are needed, not %u twice\n", one);
    return 2;
  }
  static Line asked, answered;
  try {
    sluice::bench::pin_this_thread(one);
    std::jthread far([&] { answer(asked, answered, other); });
    std::printf("{\"cpus\":[%u,%u],\"roundTripNs\":%.0f}\n", one, other,
                least_round_trip_ns(asked, answered));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cpu_distance: %s\n", error.what());
    return 1;
  }
  return 0;
}
