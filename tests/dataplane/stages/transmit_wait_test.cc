// A port that takes less than comes: packets wait, sessions take turns, and what waits too long is dropped by
// name. The test is the wire: it takes so many frames in each turn.
#include <gtest/gtest.h>

#include <map>

#include "dataplane/stages/transmit.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kReceivers = 50;
constexpr std::uint16_t kKeyFrame = 64;  // packets
// A wire of 10 Gbit/s takes 1.05 million packets of 1,194 bytes a second: 21 in 20 us.
constexpr std::size_t kWire = 21;
constexpr double kTurn = 20e-6;

/// A room of one publisher and 50 receivers, and a call, on a port with 1,024 descriptors.
class TransmitWaitTest : public ::testing::Test {
 protected:
  TransmitWaitTest() : plane(crypto::EngineKind::kIpsecMb, 1, 256, false, 1024) {
    PeerOptions room;
    room.flow = 1;
    publisher = plane.add_peer(room);
    const std::uint32_t source = plane.add_source(publisher, {});
    for (std::size_t i = 0; i < kReceivers; ++i) plane.add_route(source, plane.add_peer(room), {});
    PeerOptions call;
    call.flow = 2;
    caller = plane.add_peer(call);
    callee = plane.add_peer(call);
    plane.add_route(plane.add_source(caller, {}), callee, {});
  }
  void send_key_frame(std::uint16_t first = 1) {
    std::vector<Bytes> frames;
    for (std::uint16_t i = 0; i < kKeyFrame; ++i)
      frames.push_back(plane.frame_from(
          publisher, make_rtp({.sequence = static_cast<std::uint16_t>(first + i), .size = 1140})));
    plane.deliver_frames(frames);
    plane.turn();
  }
  /// One turn, and what the wire takes in its time.
  std::vector<Sent> tick() {
    plane.turn();
    plane.advance(kTurn);
    return plane.take(kWire);
  }
  std::uint64_t dropped() { return plane.drops(DropReason::kTransmitQueueFull); }

  Harness plane;
  Peer publisher, caller, callee;
};

TEST_F(TransmitWaitTest, AKeyFrameOfABroadcastLeavesWhole) {
  send_key_frame();
  EXPECT_EQ(dropped(), 0u);
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
  std::map<std::uint16_t, std::vector<std::uint16_t>> heard;  // by the receiver's UDP port
  for (int turns = 0; turns < 400; ++turns)
    for (const Sent& sent : tick())
      heard[sent.layers.destination_port].push_back(load_be16(sent.payload.data() + 2));
  ASSERT_EQ(heard.size(), kReceivers);
  for (const auto& [port, numbers] : heard) {
    ASSERT_EQ(numbers.size(), kKeyFrame);
    for (std::size_t i = 1; i < numbers.size(); ++i)
      ASSERT_EQ(numbers[i], static_cast<std::uint16_t>(numbers[i - 1] + 1)) << "out of order";
  }
  EXPECT_EQ(dropped(), 0u);
  EXPECT_EQ(read_ledger(plane.counters()).waiting, 0u);
  EXPECT_EQ(plane.drops(DropReason::kFanoutLate), 0u);
  std::uint64_t waited = 0;
  for (const Counter& one : plane.counters().waits.classes) waited += one.read();
  EXPECT_GT(waited, 1000u);
  EXPECT_EQ(plane.counters().waits.classes.back().read(), 0u);
}

TEST_F(TransmitWaitTest, ACallDoesNotWaitForTheRoom) {
  send_key_frame();
  plane.deliver(caller, make_rtp({.ssrc = 5}));
  std::size_t before = 0;
  bool found = false;
  for (int turns = 0; turns < 400 && !found; ++turns)
    for (const Sent& sent : tick()) {
      found = found || sent.layers.destination_port == callee.remote.address.port;
      before += !found;
    }
  ASSERT_TRUE(found);
  // The port's descriptors, the next burst, and one round.
  EXPECT_LE(before, 1023u + kBatch + 2);
}

TEST_F(TransmitWaitTest, WhatWaitsTooLongIsDroppedAndTheRestGoesOn) {
  send_key_frame();
  for (int turns = 0; turns < 10; ++turns) plane.turn();  // the port takes nothing
  const std::uint64_t waiting = read_ledger(plane.counters()).waiting;
  EXPECT_GT(waiting, 1000u);
  const std::size_t jobs = plane.worker().state().fanouts.size();
  EXPECT_GT(jobs, 10u) << "their copies are not made for a port that has enough";
  plane.advance(0.0201);
  for (int turns = 0; turns < 100; ++turns) plane.turn();
  EXPECT_GE(dropped(), waiting - kBatch) << "all but the next burst";
  EXPECT_EQ(read_ledger(plane.counters()).waiting, waiting - dropped());
  EXPECT_GE(plane.drops(DropReason::kFanoutLate), (jobs - 1) * kReceivers);
  EXPECT_TRUE(plane.worker().state().fanouts.empty());
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
  while (!tick().empty()) continue;
  plane.deliver(caller, make_rtp({.ssrc = 5}));
  const auto after = plane.sent();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].layers.destination_port, callee.remote.address.port);
  EXPECT_FALSE(plane.worker().state().waits_for_port);
}

// Receivers at another port would wait for nothing.
TEST_F(TransmitWaitTest, CopiesDoNotWaitForADeadPortForLong) {
  send_key_frame();
  for (int turns = 0; turns < 10; ++turns) plane.turn();
  EXPECT_FALSE(plane.worker().state().fanouts.empty());
  plane.advance(0.011);
  for (int turns = 0; turns < 10; ++turns) plane.turn();
  EXPECT_TRUE(plane.worker().state().fanouts.empty());
  EXPECT_EQ(plane.counters().copies.read(), kKeyFrame * kReceivers);
  EXPECT_EQ(plane.drops(DropReason::kFanoutLate), 0u);
}

TEST_F(TransmitWaitTest, AStoppedWorkerKeepsNoPacket) {
  send_key_frame();
  drop_waiting(plane.worker().state());
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
  EXPECT_EQ(read_ledger(plane.counters()).waiting, 0u);
}

}  // namespace
}  // namespace sluice::dataplane::test
