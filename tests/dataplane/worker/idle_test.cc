// A worker without work, on DPDK's ring driver, which supports neither interrupts nor monitoring. The modes
// that need them run in tests/e2e/test_idle.py.
#include "dataplane/worker/idle.h"

#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "tests/support/harness.h"

namespace sluice::dataplane {
namespace {

class IdleTest : public ::testing::Test {
 protected:
  Idle make(config::Idle mode, std::uint16_t sleep_us = 100) {
    settings.idle = mode;
    settings.idle_sleep_us = sleep_us;
    return Idle(settings, ports(), 0, bell, rte_get_tsc_hz());
  }
  std::span<const PortInfo> ports() { return harness.worker().state().ports; }
  static std::uint64_t us(std::uint64_t ticks) { return ticks / (rte_get_tsc_hz() / 1000000); }

  test::Harness harness;
  config::Workers settings;
  Waker bell;
};

TEST_F(IdleTest, WhatAPortCannotDoIsRefusedByName) {
  std::string error;
  for (const config::Idle mode : {config::Idle::kSpin, config::Idle::kYield, config::Idle::kPause})
    EXPECT_TRUE(Idle::check(mode, ports(), error));
  const PortInfo& port = ports()[0];
  EXPECT_FALSE(Idle::check(config::Idle::kInterrupt, ports(), error));
  for (const std::string& part :
       {std::string("\"interrupt\""), "\"" + port.name + "\"", port.driver, std::string("allowed")})
    EXPECT_NE(error.find(part), std::string::npos) << error;
  // The reason may also be the CPU, which is checked before the ports.
  EXPECT_FALSE(Idle::check(config::Idle::kMonitor, ports(), error));
  for (const std::string& part : {std::string("\"monitor\""), std::string("allowed")})
    EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST_F(IdleTest, SpinningNeverLetsTimePass) {
  Idle idle = make(config::Idle::kSpin);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(idle.rest(rte_rdtsc() + i * rte_get_tsc_hz()));
}

TEST_F(IdleTest, NoWorkerSleepsBeforePatienceHasRunOutOrAfterWork) {
  for (const config::Idle mode : {config::Idle::kYield, config::Idle::kPause}) {
    Idle idle = make(mode);
    idle.begin();
    const std::uint64_t patience = Idle::kPatienceUs * (rte_get_tsc_hz() / 1000000);
    std::uint64_t now = rte_rdtsc();
    EXPECT_FALSE(idle.rest(now));
    EXPECT_FALSE(idle.rest(now + patience - 1));
    EXPECT_TRUE(idle.rest(now + patience));
    EXPECT_TRUE(idle.rest(now + patience + 1));
    idle.worked();
    now += 10 * patience;
    EXPECT_FALSE(idle.rest(now));
    EXPECT_FALSE(idle.rest(now + patience - 1));
    EXPECT_TRUE(idle.rest(now + patience));
    idle.end();
  }
}

TEST_F(IdleTest, PausesGrowToTheirBoundAndNoFurther) {
  Idle idle = make(config::Idle::kPause, 200);
  idle.begin();
  std::uint64_t now = rte_rdtsc();
  EXPECT_FALSE(idle.rest(now));
  now += Idle::kPatienceUs * (rte_get_tsc_hz() / 1000000);
  std::vector<std::uint64_t> pauses;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t before = rte_rdtsc();
    // The first calls pass the time at which the patience ends, later calls the present time.
    ASSERT_TRUE(idle.rest(before > now ? before : now));
    pauses.push_back(us(rte_rdtsc() - before));
  }
  std::uint64_t at_bound = 0;
  for (std::size_t i = 20; i < pauses.size(); ++i) at_bound += pauses[i] >= 200;
  EXPECT_LT(pauses[0] + pauses[1], 10'000u);
  EXPECT_EQ(at_bound, pauses.size() - 20);
  // Even on a busy machine, a quarter of the sleeps ends within 5 ms.
  std::sort(pauses.begin(), pauses.end());
  EXPECT_LT(pauses[pauses.size() / 4], 5000u);
  idle.end();
}

TEST_F(IdleTest, TheBellIsRungForASleeperOnly) {
  std::uint64_t rings = 0;
  bell.wake();
  EXPECT_EQ(read(bell.fd(), &rings, sizeof rings), -1);
  bell.about_to_wait();
  bell.wake();
  bell.wake();
  EXPECT_EQ(read(bell.fd(), &rings, sizeof rings), static_cast<ssize_t>(sizeof rings));
  EXPECT_EQ(rings, 1u);
}

}  // namespace
}  // namespace sluice::dataplane
