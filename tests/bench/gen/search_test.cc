// The search for the highest rate. A function plays the relay.
#include "bench/gen/search.h"

#include <gtest/gtest.h>

namespace sluice::gen {
namespace {

/// The trial of a relay that carries `limit` packets/s and loses the rest.
Trial carried(double rate, double limit) {
  Trial trial;
  trial.rate = trial.input_pps = rate;
  trial.output_pps = std::min(rate, limit);
  trial.counts.received = 1;
  trial.loss_ratio = rate <= limit ? 0 : 1 - limit / rate;
  return trial;
}

TEST(Search, FindsTheLimitToOnePercent) {
  for (const double limit : {20'000.0, 173'000.0, 1'234'567.0, 9'000'000.0}) {
    int trials = 0;
    const auto result = search(
        {}, [&](double rate, double) { return ++trials, carried(rate, limit); }, [] { return false; });
    ASSERT_TRUE(result.best);
    EXPECT_LE(result.best->output_pps, limit);
    EXPECT_GE(result.best->output_pps, limit * 0.985);
    EXPECT_FALSE(result.generator_limited);
    ASSERT_EQ(result.latency.size(), 2U);
    EXPECT_NEAR(result.latency[1].second.rate, result.best->rate * 0.9, 1);
    EXPECT_LT(trials, 30);
  }
}

TEST(Search, SaysWhenTheGeneratorIsTheLimit) {
  const auto run = [](double rate, double) {
    Trial trial = carried(std::min(rate, 500'000.0), 1e9);
    trial.generator_limited = rate > 500'000;
    trial.busy_share = 1;
    return trial;
  };
  const auto result = search({}, run, [] { return false; });
  EXPECT_TRUE(result.generator_limited);
  ASSERT_TRUE(result.best);
  EXPECT_DOUBLE_EQ(result.best->output_pps, 500'000);
}

TEST(Search, AHostThatTakesTheGeneratorsCpuIsNotItsLimit) {
  int trials = 0;
  const auto run = [&](double rate, double) {
    const bool disturbed = ++trials % 3 != 0;
    Trial trial = carried(disturbed ? rate * 0.7 : rate, 1e6);
    trial.generator_limited = disturbed;
    trial.busy_share = 0.3;
    return trial;
  };
  const auto result = search({}, run, [] { return false; });
  EXPECT_FALSE(result.generator_limited);
  ASSERT_TRUE(result.best);
  EXPECT_GE(result.best->output_pps, 600'000);
  EXPECT_LT(trials, 45);
}

TEST(Search, AHostThatDisturbsEveryWholeTrialAtSpeedStillHasARate) {
  int trials = 0;
  const auto run = [&](double rate, double seconds) {
    Trial trial = carried(rate, 1e6);
    if (seconds > 0.2 && rate > 100'000) trial.loss_ratio = 1e-3;
    return ++trials, trial;
  };
  const auto result = search({.seconds = 1}, run, [] { return false; });
  ASSERT_TRUE(result.best);
  EXPECT_GE(result.best->rate, 25'000);
  EXPECT_LT(trials, 60);
}

TEST(Search, ARateThatFailsOnceGetsASecondTry) {
  bool failed = false;
  const auto run = [&](double rate, double) {
    Trial trial = carried(rate, 1e6);
    if (!failed && rate > 300'000) {
      failed = true;
      trial.loss_ratio = 1e-4;
    }
    return trial;
  };
  const auto result = search({}, run, [] { return false; });
  ASSERT_TRUE(result.best);
  EXPECT_GE(result.best->output_pps, 985'000);
}

TEST(Search, ARelayThatLosesAlwaysHasNoRate) {
  const auto result = search(
      {}, [](double rate, double) { return carried(rate, 0); }, [] { return false; });
  EXPECT_FALSE(result.best);
  EXPECT_TRUE(result.latency.empty());
}

TEST(Search, AQueueThatGrowsIsNoCarryingHoweverDeep) {
  // This relay loses no packet in a trial: those that it cannot carry wait in its queue.
  const auto run = [](double rate, double seconds) {
    Trial trial = carried(std::min(rate, 3e6), 1e9);
    trial.seconds = seconds;
    trial.behind_seconds = rate <= 3e6 ? 0.001 : seconds * (1 - 3e6 / rate);
    return trial;
  };
  for (const double seconds : {0.3, 1.0}) {
    const auto result = search({.precision = 0.03, .seconds = seconds}, run, [] { return false; });
    ASSERT_TRUE(result.best);
    EXPECT_NEAR(result.best->rate, 3e6, 3e6 * 0.03);
  }
}

TEST(Search, WhatOnlyAShortTrialCarriedIsNotFound) {
  int whole = 0;
  const auto run = [&](double rate, double seconds) {
    Trial trial = carried(rate, seconds < 0.5 ? 2e6 : 300'000);
    trial.seconds = seconds;
    whole += seconds > 0.5;
    return trial;
  };
  const auto result = search({.seconds = 1}, run, [] { return false; });
  ASSERT_TRUE(result.best);
  EXPECT_LE(result.best->rate, 300'000);
  EXPECT_GE(result.best->rate, 295'000);
  EXPECT_LT(whole, 40);
}

}  // namespace
}  // namespace sluice::gen
