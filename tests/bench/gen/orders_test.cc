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

TEST(Orders, FramesAndFloodsAreRead) {
  std::string error;
  const auto order =
      read_order(R"({"run": {"streams": 14, "framePackets": 64, "framesPerSecond": 30}})", error);
  ASSERT_TRUE(order) << error;
  const auto& trial = std::get<TrialOptions>(*order);
  EXPECT_EQ(trial.frames.streams, 14U);
  EXPECT_EQ(trial.frames.packets, 64U);
  EXPECT_EQ(trial.frames.per_second, 30);
  EXPECT_EQ(trial.flood.per_packet, 0);
  const auto search = read_order(R"({"search": {"forged": 3, "spoofed": 1}})", error);
  ASSERT_TRUE(search) << error;
  EXPECT_EQ(std::get<SearchOptions>(*search).flood.per_packet, 3);
  EXPECT_TRUE(std::get<SearchOptions>(*search).flood.spoofed);
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
           {R"({"run": {"framePackets": 64}})", "go together"},
           {R"({"run": {"framePackets": 1000}})", "framePackets: 1000"},
           {R"({"search": {"forged": -1}})", "forged: -1"},
           {R"({"search": {"precision": 0}})", "precision: 0"}}) {
    std::string error;
    EXPECT_FALSE(read_order(line, error)) << line;
    EXPECT_THAT(error, HasSubstr(said)) << line;
  }
}

}  // namespace
}  // namespace sluice::gen
