#include "bench/bound/cpu_pair.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace sluice::bench {
namespace {

// The same values as in bench/suite/machine.py.
constexpr double kSharedFrom = 1.25, kOwnBelow = 1.10;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Eight sums that do not depend on each other. They fill a core, so they become slower when a second thread
/// of the core runs.
void spin_once(std::array<std::uint64_t, 8>& sums) {
  for (int i = 0; i < 1000; ++i) {
    for (std::uint64_t& sum : sums) {
      sum = sum * 5 + 1;
      asm volatile("" : "+r"(sum));  // keeps the compiler from using vectors
    }
  }
}

/// Loops per second of CPU time.
double spin(std::chrono::milliseconds time) {
  std::array<std::uint64_t, 8> sums{1, 2, 3, 4, 5, 6, 7, 8};
  const auto end = std::chrono::steady_clock::now() + time;
  const double began = cpu_seconds();
  std::uint64_t loops = 0;
  for (; std::chrono::steady_clock::now() < end; ++loops) spin_once(sums);
  return static_cast<double>(loops) / (cpu_seconds() - began);
}

/// The rate on `cpu`. If there is an `other` CPU, it is busy all the time.
double spin_on(unsigned cpu, std::optional<unsigned> other, std::chrono::milliseconds time) {
  std::atomic<bool> busy{!other}, done{false};
  double rate = 0;
  std::thread noise([&] {
    if (!other) return;
    pin_this_thread(*other);
    busy.store(true);
    while (!done.load()) spin(std::chrono::milliseconds(1));
  });
  std::thread timed([&] {
    pin_this_thread(cpu);
    while (!busy.load()) std::this_thread::yield();
    rate = spin(time);
    done.store(true);
  });
  timed.join();
  noise.join();
  return rate;
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

void pin_this_thread(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0)
    throw std::runtime_error("no thread may run on CPU " + std::to_string(cpu));
}

double slower_beside_another(const std::array<unsigned, 2>& cpus, std::chrono::milliseconds each) {
  const double alone = spin_on(cpus[0], std::nullopt, each);
  return alone / spin_on(cpus[0], cpus[1], each);
}

const char* share_a_core(double slower) {
  return slower >= kSharedFrom ? "yes" : slower < kOwnBelow ? "no" : "unknown";
}

}  // namespace sluice::bench
