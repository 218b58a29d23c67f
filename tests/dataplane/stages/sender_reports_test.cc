// Sender reports on their way to the receivers: how many count, how many leave in a turn, and to whom. The
// translation itself is in feedback_test.
#include "dataplane/stages/sender_reports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/dataplane/stages/rtcp_support.h"

namespace sluice::dataplane::test {
namespace {

// A plain publisher with SSRC 1000, and receivers with a route each.
class SenderReportsTest : public ::testing::Test {
 protected:
  SenderReportsTest() : plane(crypto::EngineKind::kIpsecMb, 1, 1100) {
    publisher = plane.add_peer();
    source = plane.add_source(publisher, {});
  }
  void add_receivers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      receivers.push_back(plane.add_peer());
      routes.push_back(plane.add_route(source, receivers.back(), {}));
    }
    plane.deliver(publisher, make_rtp({}));
    plane.sent();
    delta = plane.memory().routes[routes[0]].timestamp_delta;
  }
  void remove(std::uint32_t route) {
    Command command;
    command.kind = CommandKind::kRemoveRoute;
    command.ref = {route, plane.memory().routes[route].generation};
    EXPECT_TRUE(plane.memory().commands.push(command));
  }
  void report(std::uint32_t rtp_time, int times = 1) {
    plane.deliver(publisher, compound([&](RtcpWriter& w) {
                    for (int i = 0; i < times; ++i)
                      EXPECT_TRUE(w.report(1000, sender_info(rtp_time + static_cast<std::uint32_t>(i)), {}));
                  }));
  }
  // Adds the RTP times of the sender reports that left, by the receiver's UDP port.
  void hear(const std::vector<Sent>& sent) {
    for (const Sent& packet : sent)
      if (const auto sr = find_item(packet.payload, RtcpType::kSenderReport))
        heard[packet.layers.destination_port].push_back(load_be32(&sr->body[12]) - delta);
  }
  // Returns how many left.
  std::uint64_t turn() {
    const std::uint64_t before = plane.counters().reports.read();
    plane.turn();
    hear(plane.take(SIZE_MAX));
    return plane.counters().reports.read() - before;
  }
  std::vector<std::uint32_t>& heard_by(std::size_t i) { return heard[receivers[i].remote.address.port]; }
  std::uint64_t suppressed() { return plane.counters().feedback_suppressed.read(); }

  Harness plane;
  Peer publisher;
  std::uint32_t source = 0;
  std::vector<Peer> receivers;
  std::vector<std::uint32_t> routes;
  std::uint32_t delta = 0;  // of all routes, since they begin with the same packet
  std::map<std::uint16_t, std::vector<std::uint32_t>> heard;
};

using Times = std::vector<std::uint32_t>;

TEST_F(SenderReportsTest, OfACompoundTheLastOneCounts) {
  add_receivers(100);
  report(5000, 42);
  hear(plane.sent());
  for (std::size_t i = 0; i < receivers.size(); ++i) EXPECT_EQ(heard_by(i), Times{5041}) << i;
  EXPECT_EQ(plane.counters().reports.read(), 100u);
  EXPECT_EQ(suppressed(), 41u);
}

TEST_F(SenderReportsTest, AStreamHasTwoASecond) {
  add_receivers(3);
  for (std::uint32_t i = 0; i < 1000; ++i) {  // 10 s
    plane.advance(0.01);
    report(i);
    hear(plane.sent());
  }
  for (std::size_t i = 0; i < receivers.size(); ++i) EXPECT_EQ(heard_by(i).size(), 20u) << i;
  EXPECT_EQ(suppressed(), 980u);
}

TEST_F(SenderReportsTest, OtherStreamsHaveTheirOwnLimit) {
  add_receivers(1);
  const Peer other = plane.add_peer();
  const Peer listener = plane.add_peer();
  plane.add_route(plane.add_source(other, {}), listener, {});
  plane.deliver(other, make_rtp({}));
  report(1);
  plane.deliver(other, compound([](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, sender_info(2), {})); }));
  hear(plane.sent());
  EXPECT_EQ(heard_by(0).size(), 1u);
  EXPECT_EQ(heard[listener.remote.address.port].size(), 1u);
}

TEST_F(SenderReportsTest, ATurnIsBoundedAndASmallStreamGoesBetween) {
  add_receivers(1000);
  const Peer caller = plane.add_peer();
  const Peer callee = plane.add_peer();
  plane.add_route(plane.add_source(caller, {}), callee, {});
  plane.deliver(caller, make_rtp({}));
  plane.sent();
  report(7000);
  plane.deliver(caller, compound([](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, sender_info(1), {})); }));
  EXPECT_LE(turn(), kReportsPerTurn);
  EXPECT_LE(turn(), kReportsPerTurn);
  EXPECT_EQ(heard[callee.remote.address.port].size(), 1u) << "it waits for the large room";
  for (int turns = 0; turns < 8; ++turns) EXPECT_LE(turn(), kReportsPerTurn);
  for (std::size_t i = 0; i < receivers.size(); ++i) ASSERT_EQ(heard_by(i), Times{7000}) << i;
  EXPECT_EQ(suppressed(), 0u);
}

TEST_F(SenderReportsTest, ANewerOneReplacesWhatIsNotDone) {
  add_receivers(400);
  report(1000);
  turn();
  plane.advance(0.5);
  report(2000);
  while (turn() != 0) {
  }
  EXPECT_EQ(suppressed(), 1u);
  for (std::size_t i = 0; i < receivers.size(); ++i) {
    const Times& times = heard_by(i);
    EXPECT_EQ(times.back(), 2000u) << i;
    EXPECT_LE(times.size(), 2u) << i;
  }
}

// The chunk that a report stands at becomes empty, and is given back.
TEST_F(SenderReportsTest, AChunkThatGoesMeanwhileIsPassed) {
  const Peer first = plane.add_peer();
  const std::uint32_t first_source = plane.add_source(first, {});
  RouteOptions options;
  for (std::size_t i = 0; i < kReportsPerTurn - 1; ++i, ++options.ssrc)
    plane.add_route(first_source, publisher, options);
  plane.deliver(first, make_rtp({}));
  add_receivers(2 * FanoutChunk::kRoutes);
  plane.deliver(first, compound([](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, sender_info(1), {})); }));
  report(1000);
  turn();
  ASSERT_TRUE(heard_by(0).empty()) << "the turn's share is used up";
  for (std::size_t i = FanoutChunk::kRoutes; i < receivers.size(); ++i) remove(routes[i]);
  turn();
  for (std::size_t i = 0; i < FanoutChunk::kRoutes; ++i) EXPECT_EQ(heard_by(i), Times{1000}) << i;
}

// Chunks of the fan-out become empty and go to other sources while a report waits.
TEST_F(SenderReportsTest, RoutesComeAndGoMeanwhile) {
  std::mt19937 random(5);
  add_receivers(1000);
  const Peer other = plane.add_peer();
  const std::uint32_t other_source = plane.add_source(other, {});
  std::vector<std::size_t> order(receivers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  report(1000);
  std::size_t gone = 0;
  RouteOptions options;
  while (!plane.worker().state().sender_reports.empty()) {
    turn();
    for (int i = 0; i < 30; ++i) remove(routes[order[gone++]]);
    ++options.ssrc;
    plane.add_route(other_source, publisher, options);  // a turn, too
  }
  hear(plane.take(SIZE_MAX));
  ASSERT_GT(gone, 100u);
  for (std::size_t i = gone; i < order.size(); ++i) EXPECT_GE(heard_by(order[i]).size(), 1u) << order[i];
}

TEST_F(SenderReportsTest, WhatWaitsEndsWithItsStream) {
  add_receivers(400);
  report(1000);
  EXPECT_GT(turn(), kReportsPerTurn - FanoutChunk::kRoutes);
  Command idle;
  idle.kind = CommandKind::kStreamIdle;
  idle.ref = {0, plane.memory().streams[0].tenancy.load()};
  plane.command(idle);
  plane.take(SIZE_MAX);
  EXPECT_EQ(turn(), 0u);
  EXPECT_TRUE(plane.worker().state().sender_reports.empty());
}

// Until a packet of the new stream has left by the route, the RTP times of the route are of the former one.
TEST_F(SenderReportsTest, AnotherStreamInTheSlotHasNoTimesYet) {
  RouteOptions options;
  options.payload_types = {{96, 96}};
  const Peer receiver = plane.add_peer();
  routes.push_back(plane.add_route(source, receiver, options));
  plane.deliver(publisher, make_rtp({}));
  plane.sent();
  Command idle;
  idle.kind = CommandKind::kStreamIdle;
  idle.ref = {0, plane.memory().streams[0].tenancy.load()};
  plane.command(idle);
  plane.deliver(publisher, make_rtp({.payload_type = 8}));
  ASSERT_EQ(plane.memory().sources[source].stream, 0u);
  EXPECT_EQ(plane.drops(DropReason::kPayloadTypeUnmapped), 1u);
  report(1000);
  hear(plane.sent());
  EXPECT_TRUE(heard.empty());
  plane.deliver(publisher, make_rtp({.sequence = 2}));
  plane.advance(1);
  report(1000);
  hear(plane.sent());
  EXPECT_EQ(heard.size(), 1u);
}

}  // namespace
}  // namespace sluice::dataplane::test
