// The limits of streams: a call is heard however many SSRCs it uses one after another, and what made space
// cannot be replayed.
#include <gtest/gtest.h>

#include <memory>

#include "crypto/srtp/packet_index.h"
#include "dataplane/wire/rtcp.h"
#include "tests/dataplane/stages/rtcp_support.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::uint16_t kStreams = 8;
constexpr double kPacketTime = 0.02;

class Call {
 public:
  explicit Call(EndpointKind kind) {
    PeerOptions options;
    options.kind = kind;
    options.max_streams = kStreams;
    from = plane.add_peer(options);
    to = plane.add_peer();
    plane.add_route(plane.add_source(from, {}), to, {});
    if (kind != EndpointKind::kRtp) sender = std::make_unique<Oracle>(from.to_sluice, false, 1024);
  }
  Bytes sealed(const RtpOptions& rtp) {
    const Bytes packet = make_rtp(rtp);
    return sender ? sender->protect(packet) : packet;
  }
  int deliver(const Bytes& packet) {
    plane.deliver(from, packet);
    plane.advance(kPacketTime);
    return static_cast<int>(plane.sent().size());
  }
  int talk(RtpOptions& rtp, int packets) {
    int heard = 0;
    for (int i = 0; i < packets; ++i, ++rtp.sequence, rtp.timestamp += 160) heard += deliver(sealed(rtp));
    return heard;
  }
  void report(std::uint32_t ssrc) {
    const Bytes info(kSenderInfoLength, 0x11);
    const Bytes packet = compound([&](RtcpWriter& writer) {
      EXPECT_TRUE(writer.report(ssrc, info, {}));
      EXPECT_TRUE(writer.cname(ssrc, {}));
    });
    deliver(sender ? sender->protect_rtcp(packet) : packet);
  }
  // As the control thread does after the stream timeout.
  void let_streams_time_out() {
    plane.advance(60);
    for (std::uint32_t slot = 0; slot < plane.memory().stream_high_water.load(); ++slot) {
      const std::uint32_t tenancy = plane.memory().streams[slot].tenancy.load();
      if ((tenancy & 1) == 0) continue;
      Command command;
      command.kind = CommandKind::kStreamIdle;
      command.ref = {slot, tenancy};
      plane.command(command);
    }
  }

  Harness plane;
  Peer from, to;
  std::unique_ptr<Oracle> sender;
};

RtpOptions talker(std::uint32_t ssrc) {
  RtpOptions rtp;
  rtp.ssrc = ssrc;
  rtp.payload_type = 0;
  rtp.sequence = static_cast<std::uint16_t>(ssrc * 7);
  return rtp;
}

class StreamLimitTest : public ::testing::TestWithParam<EndpointKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, StreamLimitTest, ::testing::Values(EndpointKind::kRtp, EndpointKind::kSdes),
                         [](const auto& info) { return info.param == EndpointKind::kRtp ? "Rtp" : "Sdes"; });

TEST_P(StreamLimitTest, EachOfSeventySsrcsIsHeard) {
  Call call(GetParam());
  for (std::uint32_t i = 0; i < 70; ++i) {
    RtpOptions prompt = talker(10'000 + i);
    EXPECT_EQ(call.talk(prompt, 20), 20) << "SSRC number " << i;
  }
  EXPECT_EQ(call.plane.drops(DropReason::kStreamLimit), 0u);
}

TEST_P(StreamLimitTest, EachOfSeventySsrcsWithLongPausesIsHeard) {
  Call call(GetParam());
  for (std::uint32_t i = 0; i < 70; ++i) {
    RtpOptions prompt = talker(10'000 + i);
    EXPECT_EQ(call.talk(prompt, 5), 5) << "SSRC number " << i;
    call.let_streams_time_out();
  }
}

TEST_P(StreamLimitTest, AStreamThatMadeSpaceComesBack) {
  Call call(GetParam());
  RtpOptions first = talker(1);
  EXPECT_EQ(call.talk(first, 5), 5);
  for (std::uint32_t i = 0; i < 3 * kStreams; ++i) {
    RtpOptions other = talker(100 + i);
    EXPECT_EQ(call.talk(other, 20), 20);
  }
  EXPECT_EQ(call.talk(first, 20), 20);
}

// The voice goes on beside all of them.
TEST_P(StreamLimitTest, AStreamThatFeedsIsNeverTheOneToGo) {
  Call call(GetParam());
  RtpOptions voice = talker(1);
  EXPECT_EQ(call.talk(voice, 10), 10);
  for (std::uint32_t i = 0; i < 100; ++i) {
    RtpOptions stray = talker(1000 + i);
    call.talk(stray, 1);
    EXPECT_EQ(call.talk(voice, 12), 12) << i;
  }
}

TEST(StreamLimitSdesTest, WhatMadeSpaceCannotBeReplayed) {
  Call call(EndpointKind::kSdes);
  RtpOptions first = talker(1);
  first.sequence = 65'530;  // it goes on in its second cycle
  std::vector<Bytes> recorded;
  for (int i = 0; i < 20; ++i, ++first.sequence, first.timestamp += 160) {
    recorded.push_back(call.sealed(first));
    EXPECT_EQ(call.deliver(recorded.back()), 1);
  }
  for (std::uint32_t i = 0; i < 3 * kStreams; ++i) {
    RtpOptions other = talker(100 + i);
    call.talk(other, 20);
  }
  ASSERT_FALSE(call.plane.drops(DropReason::kTooOld));
  for (const Bytes& packet : recorded) EXPECT_EQ(call.deliver(packet), 0);
  EXPECT_EQ(call.plane.drops(DropReason::kTooOld), recorded.size());
  EXPECT_EQ(call.talk(first, 20), 20);
  EXPECT_EQ(call.plane.drops(DropReason::kAuthFailed), 0u);
  for (const Bytes& packet : recorded) EXPECT_EQ(call.deliver(packet), 0);
}

TEST(StreamLimitSdesTest, RtcpOfManySsrcsCostsTheMediaNothing) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(1);
  EXPECT_EQ(call.talk(voice, 5), 5);
  for (std::uint32_t i = 0; i < 100; ++i) {
    call.report(5000 + i);
    EXPECT_EQ(call.talk(voice, 1), 1);
  }
  RtpOptions other = talker(2);
  EXPECT_EQ(call.talk(other, 20), 20);
}

// Many endpoints have used up the worker's streams, and most of these are silent for long.
TEST(StreamLimitSdesTest, DormantStreamsMakeSpaceForOtherEndpoints) {
  constexpr std::uint32_t kPeers = 16;  // and twice as many streams
  Harness plane(crypto::EngineKind::kIpsecMb, 1, kPeers);
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  std::vector<Peer> peers;
  std::vector<std::unique_ptr<Oracle>> senders;
  for (std::uint32_t i = 0; i < kPeers; ++i) {
    peers.push_back(plane.add_peer(options));
    senders.push_back(std::make_unique<Oracle>(peers.back().to_sluice, false, 1024));
  }
  const auto say = [&](std::uint32_t peer, std::uint32_t ssrc) {
    plane.deliver(peers[peer], senders[peer]->protect(make_rtp(talker(ssrc))));
    plane.advance(kPacketTime);
    plane.sent();
  };
  for (std::uint32_t ssrc = 0; ssrc < 15; ++ssrc) {
    say(0, 100 + ssrc);
    say(1, 200 + ssrc);
  }
  for (std::uint32_t slot = 0; slot < plane.memory().stream_high_water.load(); ++slot) {
    Command command;
    command.kind = CommandKind::kStreamIdle;
    command.ref = {slot, plane.memory().streams[slot].tenancy.load()};
    plane.command(command);
  }
  for (std::uint32_t peer = 2; peer < kPeers; ++peer)
    for (std::uint32_t ssrc = 0; ssrc < 2; ++ssrc) say(peer, 300 + ssrc);
  EXPECT_EQ(plane.drops(DropReason::kStreamLimit), 0u);
}

}  // namespace
}  // namespace sluice::dataplane::test
