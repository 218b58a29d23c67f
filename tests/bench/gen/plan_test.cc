// The plan reader names the fault and its place; the schedule keeps the rates.
#include "bench/gen/plan.h"

#include <gmock/gmock.h>

#include <map>

#include "bench/gen/schedule.h"
#include "tests/bench/gen/plans.h"

namespace sluice::gen {
namespace {

using ::testing::HasSubstr;

std::string error_of(const nlohmann::json& json) {
  std::string error;
  EXPECT_FALSE(read_plan(json.dump(), error));
  return error;
}

TEST(Plan, IsRead) {
  auto json = test::calls(3);
  json["rtcp"] = {{"intervalMs", 500}};
  json["nackShare"] = 0.01;
  json["link"]["takesGbps"] = 2.5;
  json["endpoints"][0]["rtcpMux"] = true;
  json["endpoints"][1]["ice"] = {{"ufrag", "abcd"}, {"pwd", "secret"}, {"peerUfrag", "efgh"}};
  std::string error;
  const auto plan = read_plan(json.dump(), error);
  ASSERT_TRUE(plan) << error;
  EXPECT_EQ(plan->endpoints.size(), 6U);
  EXPECT_EQ(plan->endpoints[0].address.to_string(), "198.18.1.2:5000");
  EXPECT_EQ(plan->endpoints[0].relay_rtcp.port, 20000);
  EXPECT_EQ(plan->endpoints[1].relay_rtcp.port, 20003);
  EXPECT_EQ(plan->endpoints[1].rtcp_port, 5003);
  EXPECT_FALSE(plan->endpoints[0].profile);
  EXPECT_EQ(plan->endpoints[2].profile, crypto::SrtpProfile::kAesCm128HmacSha1_80);
  EXPECT_EQ(plan->endpoints[2].send_key.key.size(), 16U);
  EXPECT_EQ(plan->endpoints[2].send_key.salt.size(), 14U);
  EXPECT_EQ(plan->endpoints[1].ice->peer_ufrag, "efgh");
  EXPECT_EQ(plan->streams[1].payload_bytes, 160);
  EXPECT_EQ(plan->receivers[2].stream, 2U);
  EXPECT_EQ(plan->rtcp_interval_ms, 500U);
  EXPECT_EQ(plan->stun_interval_ms, 0U);
  EXPECT_DOUBLE_EQ(plan->nack_share, 0.01);
  EXPECT_DOUBLE_EQ(plan->takes_gbps, 2.5);
}

TEST(Plan, WrongPlacesAreNamed) {
  auto json = test::calls(3);
  json["endpoints"][2]["sendKey"] = "AAAA";
  EXPECT_THAT(error_of(json), HasSubstr("endpoints[2].sendKey: base64 of 30 bytes"));
  json = test::calls(3);
  json["link"]["takesGbps"] = -1;
  EXPECT_THAT(error_of(json), HasSubstr("link.takesGbps: 0..1000"));
  json = test::calls(3);
  json["streams"][1]["endpoint"] = 6;
  EXPECT_THAT(error_of(json), HasSubstr("streams[1].endpoint: an integer 0..5"));
  json = test::calls(3);
  json["endpoints"][0]["address"] = "198.18.0.1";
  EXPECT_THAT(error_of(json), HasSubstr("endpoints[0].address"));
  json = test::calls(3);
  json["endpoints"][1]["protection"] = "ROT13";
  EXPECT_THAT(error_of(json), HasSubstr("\"ROT13\""));
  json = test::calls(3);
  json["link"].erase("relayMac");
  EXPECT_THAT(error_of(json), HasSubstr("link.relayMac"));
  json = test::calls(3);
  json["streams"] = nlohmann::json::array();
  json["receivers"] = nlohmann::json::array();
  EXPECT_THAT(error_of(json), HasSubstr("streams: at least one"));
  EXPECT_THAT(error_of(nlohmann::json::array()), ::testing::Not(::testing::IsEmpty()));
}

TEST(Schedule, GivesEachStreamItsShareEvenly) {
  std::vector<double> rates(10, 50);
  rates[3] = 150;
  const auto order = make_schedule(rates);
  ASSERT_EQ(order.size(), 12U);
  std::map<std::uint32_t, int> counts;
  for (const std::uint32_t stream : order) ++counts[stream];
  EXPECT_EQ(counts[3], 3);
  EXPECT_EQ(counts[0], 1);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < order.size(); ++i)
    if (order[i] == 3) places.push_back(i);
  EXPECT_GE(places[1] - places[0], 3U);
  EXPECT_GE(places[2] - places[1], 3U);
}

TEST(Schedule, KeepsRatiosThatAreNotWholeAndStaysBounded) {
  const auto order = make_schedule({50, 75});
  EXPECT_EQ(std::count(order.begin(), order.end(), 1U) * 2, std::count(order.begin(), order.end(), 0U) * 3);
  EXPECT_EQ(make_schedule(std::vector<double>(50000, 50)).size(), 50000U);
  EXPECT_LE(make_schedule({1, 1e9}, 1000).size(), 1100U);
}

}  // namespace
}  // namespace sluice::gen
