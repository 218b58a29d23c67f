// clock: measures the TSC against the kernel's raw clock, so that rates are in real seconds. One thread.
#pragma once

#include <rte_cycles.h>
#include <time.h>

#include <cstdint>

namespace sluice::gen {

inline std::uint64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

struct Clock {
  double tsc_hz = 0;         // measured against CLOCK_MONOTONIC_RAW
  double claimed_hz = 0;     // what DPDK says
  double deviation_ppm = 0;  // of tsc_hz from claimed_hz

  static Clock calibrate(std::uint64_t for_ns = 200'000'000) {
    const std::uint64_t begin = nanoseconds(CLOCK_MONOTONIC_RAW);
    const std::uint64_t tsc = rte_rdtsc();
    std::uint64_t end = begin;
    while (end < begin + for_ns) end = nanoseconds(CLOCK_MONOTONIC_RAW);
    Clock clock;
    clock.tsc_hz = static_cast<double>(rte_rdtsc() - tsc) * 1e9 / static_cast<double>(end - begin);
    clock.claimed_hz = static_cast<double>(rte_get_tsc_hz());
    clock.deviation_ppm = (clock.tsc_hz / clock.claimed_hz - 1) * 1e6;
    return clock;
  }
};

}  // namespace sluice::gen
