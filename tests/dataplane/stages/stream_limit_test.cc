// The limits of streams: a call is heard however many SSRCs it uses one after another, and what made space
// cannot be replayed.
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::uint16_t kStreams = 8;

class FullCall : public Call {
 public:
  explicit FullCall(EndpointKind kind) : Call(kind, {}, with_few_streams()) {}

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

 private:
  static PeerOptions with_few_streams() {
    PeerOptions options;
    options.max_streams = kStreams;
    return options;
  }
};

class StreamLimitTest : public ::testing::TestWithParam<EndpointKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, StreamLimitTest, ::testing::Values(EndpointKind::kRtp, EndpointKind::kSdes),
                         kind_name);

TEST_P(StreamLimitTest, EachOfSeventySsrcsIsHeard) {
  FullCall call(GetParam());
  for (std::uint32_t i = 0; i < 70; ++i) {
    RtpOptions prompt = talker(10'000 + i);
    EXPECT_EQ(call.talk(prompt, 20), 20) << "SSRC number " << i;
  }
  EXPECT_EQ(call.plane.drops(DropReason::kStreamLimit), 0u);
}

TEST_P(StreamLimitTest, EachOfSeventySsrcsWithLongPausesIsHeard) {
  FullCall call(GetParam());
  for (std::uint32_t i = 0; i < 70; ++i) {
    RtpOptions prompt = talker(10'000 + i);
    EXPECT_EQ(call.talk(prompt, 5), 5) << "SSRC number " << i;
    call.let_streams_time_out();
  }
}

TEST_P(StreamLimitTest, AStreamThatMadeSpaceComesBack) {
  FullCall call(GetParam());
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
  FullCall call(GetParam());
  RtpOptions voice = talker(1);
  EXPECT_EQ(call.talk(voice, 10), 10);
  for (std::uint32_t i = 0; i < 100; ++i) {
    RtpOptions stray = talker(1000 + i);
    call.talk(stray, 1);
    EXPECT_EQ(call.talk(voice, 12), 12) << i;
  }
}

TEST(StreamLimitSdesTest, WhatMadeSpaceCannotBeReplayed) {
  FullCall call(EndpointKind::kSdes);
  RtpOptions first = talker(1);
  first.sequence = 65'530;  // it goes on in its second cycle
  std::vector<Bytes> recorded;
  for (int i = 0; i < 20; ++i, ++first.sequence, first.timestamp += 160) {
    recorded.push_back(call.sealed(first));
    EXPECT_EQ(call.deliver(recorded.back()), 1);
    call.plane.advance(kPacketTime);
  }
  for (std::uint32_t i = 0; i < 3 * kStreams; ++i) {
    RtpOptions other = talker(100 + i);
    call.talk(other, 20);
  }
  ASSERT_FALSE(call.plane.drops(DropReason::kTooOld));
  for (const Bytes& packet : recorded) {
    EXPECT_EQ(call.deliver(packet), 0);
    call.plane.advance(kPacketTime);
  }
  EXPECT_EQ(call.plane.drops(DropReason::kTooOld), recorded.size());
  EXPECT_EQ(call.talk(first, 20), 20);
  EXPECT_EQ(call.plane.drops(DropReason::kAuthFailed), 0u);
  for (const Bytes& packet : recorded) {
    EXPECT_EQ(call.deliver(packet), 0);
    call.plane.advance(kPacketTime);
  }
}

TEST(StreamLimitSdesTest, RtcpOfManySsrcsCostsTheMediaNothing) {
  FullCall call(EndpointKind::kSdes);
  RtpOptions voice = talker(1);
  EXPECT_EQ(call.talk(voice, 5), 5);
  for (std::uint32_t i = 0; i < 100; ++i) {
    call.deliver(call.sealed_rtcp(sender_report(5000 + i)));
    call.plane.advance(kPacketTime);
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
