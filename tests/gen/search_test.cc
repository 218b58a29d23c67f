// The search for the highest rate, against relays that are a function.
#include "bench/gen/search.h"

#include <gtest/gtest.h>

namespace sluice::gen {
namespace {

/// Carries `limit` packets/s and loses the rest.
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
        {}, [&](double rate) { return ++trials, carried(rate, limit); }, [] { return false; });
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
  const auto run = [](double rate) {
    Trial trial = carried(std::min(rate, 500'000.0), 1e9);
    trial.generator_limited = rate > 500'000;
    return trial;
  };
  const auto result = search({}, run, [] { return false; });
  EXPECT_TRUE(result.generator_limited);
  ASSERT_TRUE(result.best);
  EXPECT_DOUBLE_EQ(result.best->output_pps, 500'000);
}

TEST(Search, ARateThatFailsOnceGetsASecondTry) {
  bool failed = false;
  const auto run = [&](double rate) {
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
      {}, [](double rate) { return carried(rate, 0); }, [] { return false; });
  EXPECT_FALSE(result.best);
  EXPECT_TRUE(result.latency.empty());
}

}  // namespace
}  // namespace sluice::gen
