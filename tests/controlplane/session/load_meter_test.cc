// The load meter with workers whose loops the test plays: turns of known cost, packets at random times.
#include "controlplane/session/load_meter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dataplane/worker/turn_cost.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

// In ticks of ScriptedPlane: a million per second.
constexpr std::uint64_t kTurn = 30;
constexpr std::uint64_t kPacket = 20;  // to receive and send a packet
constexpr double kCapacityPps = 1e6 / (kPacket + kTurn / 64.0);

class LoadMeterTest : public ::testing::Test {
 protected:
  /// Plays a loop that relays `pps` packets per second for that time, and calls the meter as the control
  /// thread does.
  void relay(double pps, double seconds, std::size_t worker = 0) {
    dataplane::WorkerCounters& counters = plane.memory(worker).counters;
    std::exponential_distribution<double> gap(pps / 1e6);
    const double end = static_cast<double>(plane.tsc) + seconds * 1e6;
    double clock = static_cast<double>(plane.tsc), next = clock + gap(random);
    while (clock < end) {
      std::uint64_t batch = 0;
      for (; next <= clock && batch < 64; ++batch) next += gap(random);
      const std::uint64_t ticks = batch == 0 ? 5 : kTurn + kPacket * batch;
      clock += static_cast<double>(ticks);
      turn(counters, batch, ticks);
      plane.tsc = static_cast<std::uint64_t>(clock);
      tick();
    }
  }
  void turn(dataplane::WorkerCounters& counters, std::uint64_t batch, std::uint64_t ticks) {
    counters.polls.add();
    counters.total_cycles.add(ticks);
    if (batch == 0) return;
    counters.busy_polls.add();
    counters.busy_cycles.add(ticks);
    counters.received.add(batch);
    counters.transmitted.add(batch);
    turns.turned(counters, ticks);
  }
  /// Advances the time without packets.
  void rest(std::chrono::milliseconds by) {
    for (; by > 0ms; by -= 50ms) {
      plane.tsc += 50000;
      tick();
    }
  }
  LoadMeter::TimePoint now() const { return LoadMeter::TimePoint() + std::chrono::microseconds(plane.tsc); }
  void tick() { meter.tick(now()); }

  test::ScriptedPlane plane{test::small_config().limits, 2};
  LoadMeter meter{plane};
  dataplane::TurnMeter turns;
  std::mt19937_64 random{7};
};

TEST_F(LoadMeterTest, AnIdleWorkerHasNoLoadAndNoPrice) {
  rest(2s);
  EXPECT_EQ(meter.busy_share(0), 0);
  EXPECT_EQ(meter.expected_load(0), 0);
  EXPECT_FALSE(meter.reading(0).cycles_per_packet);
  EXPECT_FALSE(meter.capacity_left_pps(0, 1));
}

// At 40 % of its capacity, a worker that takes one packet at a time is busy nearly all the time.
TEST_F(LoadMeterTest, TheSpareTimeInsideSmallBatchesIsSeen) {
  relay(0.4 * kCapacityPps, 3);
  EXPECT_GT(meter.busy_share(0), 0.75);
  EXPECT_NEAR(meter.reading(0).load, 0.4, 0.03);
  EXPECT_NEAR(meter.reading(0).packets_per_second, 0.4 * kCapacityPps, 0.02 * kCapacityPps);
  EXPECT_NEAR(*meter.reading(0).capacity_pps, kCapacityPps, 0.05 * kCapacityPps);
  EXPECT_NEAR(*meter.capacity_left_pps(0, 0.85), 0.45 * kCapacityPps, 0.05 * kCapacityPps);
  EXPECT_EQ(meter.reading(1).packets_per_second, 0);
}

TEST_F(LoadMeterTest, FollowsTheTruthUpToTheEnd) {
  for (const double share : {0.1, 0.6, 0.85, 0.95}) {
    relay(share * kCapacityPps, 3);
    EXPECT_NEAR(meter.reading(0).load, share, 0.05) << share;
    EXPECT_LE(meter.reading(0).load, meter.busy_share(0) + 1e-9) << share;
  }
  relay(1.5 * kCapacityPps, 3);
  EXPECT_GT(meter.reading(0).load, 0.98);
  EXPECT_GT(meter.busy_share(0), 0.98);
  EXPECT_LT(*meter.capacity_left_pps(0, 1), 0.02 * kCapacityPps);
  EXPECT_EQ(*meter.capacity_left_pps(0, 0.85), 0);  // the load is above 0.85
}

TEST_F(LoadMeterTest, BatchesThatDoNotVaryLeaveTheBusyShare) {
  for (int i = 0; i < 60000; ++i) {
    turn(plane.memory(0).counters, 1, 30);
    plane.tsc += 50;
    tick();
  }
  EXPECT_NEAR(meter.busy_share(0), 0.6, 0.01);
  EXPECT_NEAR(meter.reading(0).load, 0.6, 0.01);
  EXPECT_NEAR(*meter.reading(0).cycles_per_packet, 30, 0.1);
}

// A turn during which the kernel took the CPU away does not show the cost of packets, but counts as busy.
TEST_F(LoadMeterTest, TimeTakenAwayCountsAsBusy) {
  for (int i = 0; i < 30; ++i) {
    relay(0.4 * kCapacityPps, 0.14);
    for (int k = 0; k < 16; ++k) turn(plane.memory(0).counters, 1, k == 0 ? 60000 : 50);
    plane.tsc += 60000;
  }
  EXPECT_GT(meter.reading(0).load, 0.7 * 0.4 + 0.3 - 0.05);  // more, since it rises faster than it falls
}

TEST_F(LoadMeterTest, RisesFasterThanItFalls) {
  relay(0.9 * kCapacityPps, 2);
  const double high = meter.reading(0).load;
  rest(300ms);
  EXPECT_GT(meter.reading(0).load, 0.6 * high);
  rest(4s);
  EXPECT_LT(meter.reading(0).load, 0.05);
  relay(0.9 * kCapacityPps, 0.35);
  EXPECT_GT(meter.reading(0).load, 0.75 * high);
}

TEST_F(LoadMeterTest, WhatWasPlacedCountsUntilItsPacketsMay) {
  relay(0.5 * kCapacityPps, 2);
  const double load = meter.reading(0).load;
  for (int i = 0; i < 10; ++i) (void)meter.placed(1, 100, now());
  EXPECT_NEAR(meter.expected_load(1), 10 * load / 100, 1e-9);
  (void)meter.placed(1, 1, now());  // the expected load of a session is at most 0.01
  EXPECT_NEAR(meter.expected_load(1), 10 * load / 100 + 0.01, 1e-9);
  rest(15s);
  EXPECT_LT(meter.expected_load(1), 0.001);
}

TEST_F(LoadMeterTest, WhatEndsTakesItsShareWithIt) {
  relay(0.5 * kCapacityPps, 2);
  const auto first = meter.placed(1, 100, now());
  const auto second = meter.placed(1, 100, now());
  rest(1s);
  meter.ended(1, first, now());
  EXPECT_NEAR(meter.expected_load(1), second.load * std::exp(-1.0 / 3), 3e-4);
  meter.ended(1, second, now());
  EXPECT_NEAR(meter.expected_load(1), 0, 3e-4);
  const auto old = meter.placed(1, 100, now());
  rest(30s);
  meter.ended(1, old, now());
  EXPECT_GE(meter.expected_load(1), 0);
  EXPECT_LT(meter.expected_load(1), 1e-4);
}

// A scanner, a dialler or a health check beside one call: the load is 0.4 %, and stays it.
TEST(Admission, AttemptsThatEndLeaveNothingBehind) {
  for (const std::size_t lives : {0u, 20u}) {  // steps of 10 ms
    config::Config config = test::small_config();
    config.limits.sessions = 1000;
    test::SessionFixture bench(config);
    bench.session("call");
    dataplane::WorkerCounters& counters = bench.plane.memory(0).counters;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 1500; ++i) {
      counters.total_cycles.add(10000);
      counters.busy_cycles.add(40);
      counters.busy_polls.add();
      counters.received.add();
      counters.transmitted.add();
      bench.advance(10ms);
      bench.sessions->tick(bench.now);
      if (std::holds_alternative<RequestError>(
              bench.sessions->create_session({.id = "t" + std::to_string(i)})))
        ++refused;
      if (i >= lives) bench.sessions->remove_session("t" + std::to_string(i - lives), [](auto) {});
      bench.settle();
    }
    EXPECT_EQ(refused, 0u) << lives;
    EXPECT_NEAR(bench.sessions->worker_load(0).reading.load, 0.004, 0.001);
  }
}

}  // namespace
}  // namespace sluice::control
