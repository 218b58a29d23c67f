// Orders of `sluice-gen serve`.
#include "bench/gen/orders.h"

#include <gmock/gmock.h>

namespace sluice::gen {
namespace {

using ::testing::HasSubstr;

TEST(Orders, ATrialAndASearchAreRead) {
  std::string error;
  const auto trial = read_order(R"({"run": {"rate": 2e6, "seconds": 0.5}})", error);
  ASSERT_TRUE(trial) << error;
  EXPECT_EQ(std::get<TrialOptions>(*trial).rate, 2e6);
  EXPECT_EQ(std::get<TrialOptions>(*trial).seconds, 0.5);
  const auto search = read_order(R"({"search": {"start": 5000, "loss": 1e-3}})", error);
  ASSERT_TRUE(search) << error;
  EXPECT_EQ(std::get<SearchOptions>(*search).start_rate, 5000);
  EXPECT_EQ(std::get<SearchOptions>(*search).max_loss, 1e-3);
  EXPECT_EQ(std::get<SearchOptions>(*search).precision, SearchOptions{}.precision);
}

TEST(Orders, WhatIsWrongIsTold) {
  for (const auto& [line, said] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "run"},
           {"[]", "run"},
           {"{", "search"},
           {R"({"walk": {}})", "run"},
           {R"({"run": 7})", "object"},
           {R"({"run": {"rate": -1}})", "rate: -1"},
           {R"({"run": {"rate": "fast"}})", "rate"},
           {R"({"run": {"speed": 1}})", "rate seconds"},
           {R"({"search": {"precision": 0}})", "precision: 0"}}) {
    std::string error;
    EXPECT_FALSE(read_order(line, error)) << line;
    EXPECT_THAT(error, HasSubstr(said)) << line;
  }
}

}  // namespace
}  // namespace sluice::gen
