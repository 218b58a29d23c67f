// The contract of waves: which task runs when and on which CPU, which waves count, and no thread waits for
// ever.
#include "bench/micro/waves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <x86intrin.h>

#include <stdexcept>
#include <string>

#include "bench/bound/cpu_pair.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kPacketsPerTurn = 64;
constexpr std::uint64_t kTurnCycles = 20000;

/// A task that spins for each turn and records the calls that it gets.
class Spinner : public WaveTask {
 public:
  void enter() override { log += "enter "; }
  void leave() override { log += "leave"; }
  void fill(std::size_t turns) override {
    if (++fills == fail_at_fill) throw std::runtime_error("no packets");
    if (fills == 1) log += "fill" + std::to_string(turns) + " ";
    taken_ = 0;
  }
  std::uint64_t turn() override {
    const std::uint64_t began = __rdtsc();
    while (__rdtsc() - began < kTurnCycles) _mm_pause();
    ++taken_;
    cpus_seen |= std::uint64_t{1} << sched_getcpu();
    return kTurnCycles;
  }
  std::size_t empty() override {
    if (fills == 1) log += "turns" + std::to_string(taken_) + " ";
    return taken_ * kPacketsPerTurn;
  }

  std::string log;
  int fills = 0;
  int fail_at_fill = 0;
  std::uint64_t cpus_seen = 0;

 private:
  std::size_t taken_ = 0;
};

Wave wave(std::uint64_t busy_from, std::uint64_t timed_from, std::uint64_t timed_to, std::uint64_t busy_to,
          double cycles = 1) {
  return {busy_from, timed_from, timed_to, busy_to, cycles};
}

TEST(WavesTest, CoveredMeansBusyFromBeforeTheFirstToAfterTheLastTimedTurn) {
  const Wave timed = wave(90, 100, 200, 250);
  EXPECT_TRUE(covered(timed, wave(100, 120, 180, 200)));
  EXPECT_FALSE(covered(timed, wave(101, 120, 180, 300)));
  EXPECT_FALSE(covered(timed, wave(50, 60, 150, 199)));
}

TEST(WavesTest, CyclesAreTheMedianOfWhatWasCovered) {
  const std::vector<Wave> waves{wave(0, 1, 2, 3, 10), wave(0, 1, 2, 3, 30), wave(0, 1, 2, 3, 20),
                                wave(0, 1, 2, 3, 900)};
  std::vector<Wave> others(4, wave(0, 1, 2, 3));
  others[3].busy_from = 2;
  std::size_t uncovered = 5;
  EXPECT_EQ(cycles_of(waves, others, uncovered), 20);
  EXPECT_EQ(uncovered, 6u);
  EXPECT_EQ(cycles_of(waves, {}, uncovered), 30);
  EXPECT_EQ(uncovered, 6u) << "a single task has no uncovered waves";
}

TEST(WavesTest, NoFigureWhereHardlyAnythingOverlapped) {
  const std::vector<Wave> waves(3, wave(0, 1, 2, 3));
  std::vector<Wave> others(3, wave(2, 3, 4, 5));
  others[0].busy_from = 0;
  std::size_t uncovered = 0;
  EXPECT_EQ(cycles_of(waves, others, uncovered), std::nullopt);
  EXPECT_EQ(uncovered, 2u);
}

TEST(WavesTest, QuantilesOfUnsortedValues) {
  const std::vector<double> values{5, 1, 4, 2, 3, 9, 8, 7, 6, 0};
  EXPECT_EQ(quantile(values, 0.1), 1);
  EXPECT_EQ(median(values), 5);
  EXPECT_EQ(median({7}), 7);
}

TEST(WavesTest, AloneOneThreadFillsTakesTurnsAndEmpties) {
  Spinner task;
  const unsigned cpu = allowed_cpus().back();
  const auto waves = run_alone({&task, cpu}, 4);
  ASSERT_EQ(waves.size(), 4u);
  EXPECT_EQ(task.log, "enter fill8 turns8 leave");
  EXPECT_EQ(task.cpus_seen, std::uint64_t{1} << cpu);
  for (const Wave& one : waves) EXPECT_EQ(one.cycles_per_packet, double{kTurnCycles} / kPacketsPerTurn);
}

TEST(WavesTest, TogetherBothAreBusyWhileEitherIsTimed) {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU only";
  std::array<Spinner, 2> tasks;
  constexpr std::size_t kWaves = 200;
  const auto waves = run_together({Side{&tasks[0], cpus[0]}, Side{&tasks[1], cpus[1]}}, kWaves);
  std::size_t uncovered = 0;
  for (std::size_t side = 0; side < 2; ++side) {
    ASSERT_EQ(waves[side].size(), kWaves);
    EXPECT_TRUE(cycles_of(waves[side], waves[1 - side], uncovered));
    EXPECT_EQ(tasks[side].cpus_seen, std::uint64_t{1} << cpus[side]);
  }
  EXPECT_LT(uncovered, kWaves) << "of " << 2 * kWaves << ": more than other processes explain";
}

TEST(WavesTest, WhatOneTaskThrowsEndsBoth) {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU only";
  std::array<Spinner, 2> tasks;
  tasks[1].fail_at_fill = 5;
  EXPECT_THROW(run_together({Side{&tasks[0], cpus[0]}, Side{&tasks[1], cpus[1]}}, 1000), std::runtime_error);
  EXPECT_LE(tasks[0].fills, 5);
  EXPECT_THAT(tasks[0].log, testing::EndsWith("leave"));
  EXPECT_THAT(tasks[1].log, testing::EndsWith("leave"));
}

TEST(WavesTest, ThereIsNoSuchCpu) {
  Spinner task;
  EXPECT_THROW(run_alone({&task, 100000}, 1), std::runtime_error);
}

}  // namespace
}  // namespace sluice::bench
