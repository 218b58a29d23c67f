// The control packets that the generator writes: the relay's parsers read them back.
#include <gmock/gmock.h>

#include "bench/gen/echo.h"
#include "bench/gen/flow_table.h"
#include "bench/gen/neighbor_answers.h"
#include "bench/gen/results.h"
#include "bench/gen/rtcp_compound.h"
#include "controlplane/protocol/neighbor/arp.h"
#include "controlplane/protocol/neighbor/icmp_echo.h"
#include "tests/bench/gen/plans.h"

namespace sluice::gen {
namespace {

using ::testing::ElementsAre;

TEST(RtcpCompound, NackIsAsRfc4585SaysIt) {
  RtcpCompound compound;
  compound.receiver_report(0x01020304, {});
  compound.nack(0x01020304, 0x0a0b0c0d, 0x1234);
  EXPECT_THAT(compound.take(), ElementsAre(0x80, 201, 0, 1, 1, 2, 3, 4,  //
                                           0x81, 205, 0, 3, 1, 2, 3, 4, 10, 11, 12, 13, 0x12, 0x34, 0, 0));
}

TEST(RtcpCompound, ReportsAreWholeWords) {
  const std::array<ReportBlock, 2> blocks{ReportBlock{7, 70}, ReportBlock{8, 80}};
  RtcpCompound compound;
  compound.sender_report(5, 0x1122334455667788, 99, 10, 1600, blocks);
  compound.cname(5, "gen-12");
  const auto bytes = compound.take();
  ASSERT_EQ(bytes.size(), 4U * (7 + 12 + 5));
  EXPECT_EQ(bytes[0], 0x82);
  EXPECT_EQ(dataplane::load_be16(&bytes[2]), 18);  // length in words, less one
  EXPECT_EQ(dataplane::load_be32(&bytes[8]), 0x11223344U);
  EXPECT_EQ(dataplane::load_be32(&bytes[28]), 7U);
  EXPECT_EQ(bytes[77], 202);
  EXPECT_EQ(dataplane::load_be16(&bytes[78]), 4);
}

TEST(Echo, TheRelayAnswersItInBothFamilies) {
  for (const bool v6 : {false, true}) {
    auto json = test::calls(1);
    if (v6) {
      json["endpoints"][0]["address"] = "[2001:db8::2]:5000";
      json["endpoints"][0]["relay"] = "[2001:db8::1]:20000";
    }
    std::string error;
    const auto plan = read_plan(json.dump(), error);
    ASSERT_TRUE(plan) << error;
    const auto request = make_echo_request(*plan, 7);
    ASSERT_GE(request.size(), 60U);
    EXPECT_FALSE(is_echo_reply(request));
    dataplane::Frame frame;
    ASSERT_FALSE(dataplane::parse_frame(request, frame));
    control::NeighborPort port{};
    port.mac = plan->relay_mac;
    const auto reply = control::make_echo_reply(port, request, frame);
    ASSERT_FALSE(reply.empty());
    EXPECT_TRUE(is_echo_reply(reply));
    EXPECT_TRUE(std::equal(plan->mac.begin(), plan->mac.end(), reply.begin()));
    EXPECT_FALSE(is_echo_reply(std::span(reply).first(30)));
  }
}

TEST(NeighborAnswers, ArpIsAnsweredForEndpointsOnly) {
  std::string error;
  const auto plan = read_plan(test::calls(1).dump(), error);
  ASSERT_TRUE(plan) << error;
  const NeighborAnswers answers(*plan);
  control::NeighborPort port{};
  port.mac = plan->relay_mac;
  const auto relay = *config::IpAddress::parse("198.18.0.1");
  const dataplane::MacAddress everyone{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const auto ours = *config::IpAddress::parse("198.18.1.2");
  const auto answer = answers.answer(control::make_arp_request(port, everyone, relay, ours));
  ASSERT_GE(answer.size(), 60U);
  EXPECT_TRUE(std::equal(plan->relay_mac.begin(), plan->relay_mac.end(), answer.begin()));
  const auto packet = control::ArpPacket::parse(std::span(answer).subspan(14));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->operation, control::ArpOperation::kReply);
  EXPECT_EQ(packet->sender_mac, plan->mac);
  EXPECT_EQ(packet->sender_ip, ours);
  EXPECT_EQ(packet->target_ip, relay);
  EXPECT_EQ(packet->target_mac, plan->relay_mac);
  const auto other = *config::IpAddress::parse("198.18.1.3");
  EXPECT_TRUE(answers.answer(control::make_arp_request(port, everyone, relay, other)).empty());
}

TEST(LatencyHistogram, Quantiles) {
  LatencyHistogram latency;
  for (std::uint32_t i = 0; i < 1000; ++i) latency.add(i);
  latency.add(1'000'000);
  EXPECT_EQ(latency.quantile(0.5), 500U);
  EXPECT_EQ(latency.quantile(0.99), 990U);
  latency.add(100'000);
  EXPECT_NEAR(latency.quantile(0.9985), 100'000, LatencyHistogram::kStepsPerCoarseBin);
  EXPECT_EQ(latency.quantile(1), 1'000'000U);
  EXPECT_EQ(latency.max(), 1'000'000U);
  latency.clear();
  EXPECT_EQ(latency.quantile(0.5), 0U);
}

TEST(FlowTable, FindsWhatWasPutIn) {
  FlowTable table(1000);
  for (std::uint32_t i = 0; i < 1000; ++i)
    ASSERT_NE(table.insert(FlowTable::key(0xc6120101c6120101, static_cast<std::uint16_t>(5000 + i), i), i),
              nullptr);
  EXPECT_EQ(table.insert(FlowTable::key(0xc6120101c6120101, 5000, 0), 1), nullptr);
  for (std::uint32_t i = 0; i < 1000; ++i)
    EXPECT_EQ(
        table.find(FlowTable::key(0xc6120101c6120101, static_cast<std::uint16_t>(5000 + i), i))->receiver, i);
  EXPECT_EQ(table.find(FlowTable::key(0xc6120101c6120101, 4999, 0)), nullptr);
}

}  // namespace
}  // namespace sluice::gen
