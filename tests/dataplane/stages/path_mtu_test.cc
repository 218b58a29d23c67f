// The largest packet that an endpoint sends, when a router on the path has named an MTU.
#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::uint16_t kMtu = 1000;

class PathMtuTest : public ::testing::Test {
 protected:
  void set(std::uint16_t mtu, const config::SocketAddress& path) {
    Command command;
    command.kind = CommandKind::kSetMaxFrame;
    command.ref = {receiver.slot, 1};
    command.tuple.remote = path;
    command.max_frame = max_frame(mtu, 0);
    plane.command(command);
  }
  // Whether an RTP packet that leaves as an IP packet of that size does leave.
  bool passes(std::size_t ip_packet) {
    ++rtp.sequence;
    rtp.size = ip_packet - 20 - 8 - 12;
    const std::uint64_t before = plane.drops(DropReason::kTooBig);
    plane.deliver(sender, make_rtp(rtp));
    const auto sent = plane.sent();
    EXPECT_EQ(sent.size() + plane.drops(DropReason::kTooBig) - before, 1u) << "it must be sent or counted";
    if (sent.size() == 1) {
      EXPECT_EQ(sent[0].frame.size(), 14 + ip_packet);
      EXPECT_EQ(sent[0].frame[20] & 0x40, 0x40) << "don't fragment";
    }
    return sent.size() == 1;
  }

  Harness plane;
  Peer sender = plane.add_peer();
  Peer receiver = plane.add_peer();
  std::uint32_t route = plane.add_route(plane.add_source(sender, {}), receiver, {});
  RtpOptions rtp;
};

TEST_F(PathMtuTest, WhatDoesNotFitIsDroppedByNameAndTheRestGoesOn) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(passes(1500));  // a flow may be learnt
  EXPECT_FALSE(passes(1501));
  set(kMtu, receiver.remote.address);
  EXPECT_FALSE(passes(1500)) << "no flow goes on with the former length";
  EXPECT_FALSE(passes(kMtu + 1));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(passes(kMtu));
  EXPECT_FALSE(passes(kMtu + 1));
  EXPECT_TRUE(passes(100)) << "audio";
  set(1500, {});
  EXPECT_TRUE(passes(1500));
}

TEST_F(PathMtuTest, AMessageAboutAnotherPathChangesNothing) {
  config::SocketAddress former = receiver.remote.address;
  ++former.port;
  set(kMtu, former);
  EXPECT_TRUE(passes(1500));
  plane.memory().endpoints[receiver.slot].rtp = {};
  set(kMtu, receiver.remote.address);
  EXPECT_EQ(plane.memory().endpoints[receiver.slot].max_frame, 1514) << "it sends nowhere";
}

}  // namespace
}  // namespace sluice::dataplane::test
