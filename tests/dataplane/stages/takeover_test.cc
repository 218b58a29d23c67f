// Another node takes over a call in the middle: signalling says where the streams stand, and with which
// number a route begins. libsrtp2 plays the peers.
#include "crypto/srtp/packet_index.h"
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

constexpr std::uint32_t kSsrc = 1000;

void expect_stream(Harness& plane, const Peer& peer, std::uint32_t ssrc, std::uint64_t index) {
  Command command;
  command.kind = CommandKind::kExpectStream;
  command.ref = {peer.slot, plane.memory().endpoints[peer.slot].generation};
  command.ssrc = ssrc;
  command.index = index;
  plane.command(command);
}

constexpr std::uint64_t index_of(std::uint32_t roc, std::uint16_t sequence) {
  return std::uint64_t{roc} << 16 | sequence;
}

std::uint64_t highest_of(const Call& call) {
  return const_cast<Call&>(call).plane.memory().streams[0].rtp_window.highest();
}

class TakeoverTest : public ::testing::TestWithParam<SrtpProfile> {};
INSTANTIATE_TEST_SUITE_P(Profiles, TakeoverTest, ::testing::ValuesIn(crypto::kAllSrtpProfiles));

PeerOptions with_profile(SrtpProfile profile) {
  PeerOptions options;
  options.profile = profile;
  return options;
}

TEST_P(TakeoverTest, WithoutAWordTheCounterIsZero) {
  Call call(EndpointKind::kSdes, {}, with_profile(GetParam()));
  call.sender->begin(kSsrc, 5);
  RtpOptions voice = talker(kSsrc);
  EXPECT_EQ(call.talk(voice, 40), 0);
  EXPECT_EQ(call.plane.drops(DropReason::kAuthFailed), 40u);
}

// The reading may be of before the wrap, and the first packet of behind it, or the other way round.
TEST_P(TakeoverTest, TheFirstPacketIsHeard) {
  const struct {
    std::uint64_t expected;
    std::uint32_t roc;
    std::uint16_t sequence;
  } cases[] = {
      {index_of(5, 7000), 5, 7001},
      {index_of(5, 65000), 6, 100},
      {index_of(6, 100), 5, 65000},
      {index_of(1, 0x8000), 1, 0},
      {index_of(1, 0x8000), 1, 65535},
      {index_of(0xffffffff, 10), 0xffffffff, 11},
      {index_of(0x12345678, 9), 0x12345678, 1},
  };
  for (const auto& [expected, roc, sequence] : cases) {
    Call call(EndpointKind::kSdes, {}, with_profile(GetParam()));
    expect_stream(call.plane, call.from, kSsrc, expected);
    call.sender->begin(kSsrc, roc);
    RtpOptions voice = talker(kSsrc);
    voice.sequence = sequence;
    EXPECT_EQ(call.talk(voice, 20), 20) << std::hex << expected;
    EXPECT_EQ(highest_of(call), index_of(roc, sequence) + 19);
    EXPECT_EQ(call.plane.drops(DropReason::kAuthFailed), 0u);
  }
}

TEST(TakeoverTest, TheFirstPacketsComeInOneBatch) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(3, 65000));
  call.sender->begin(kSsrc, 3);
  RtpOptions voice = talker(kSsrc);
  voice.sequence = 65530;
  std::vector<Bytes> frames;
  for (int i = 0; i < 12; ++i, Call::next(voice))
    frames.push_back(call.plane.frame_from(call.from, call.sealed(voice)));
  std::swap(frames[1], frames[8]);
  call.plane.deliver_frames(frames);
  EXPECT_EQ(call.plane.sent().size(), 12u);
  EXPECT_EQ(highest_of(call), index_of(4, 5));
}

// SRTCP makes the stream before RTP comes.
TEST(TakeoverTest, RtcpThatComesFirstForgetsNothing) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(3, 7000));
  call.deliver(call.sealed_rtcp(sender_report(kSsrc)));
  call.sender->begin(kSsrc, 3);
  RtpOptions voice = talker(kSsrc);
  voice.sequence = 7001;
  EXPECT_EQ(call.talk(voice, 20), 20);
}

// What the worker knows from authentic packets is better than what signalling says.
TEST(TakeoverTest, AStreamThatIsKnownStaysWhereItIs) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(kSsrc);
  EXPECT_EQ(call.talk(voice, 20), 20);
  expect_stream(call.plane, call.from, kSsrc, index_of(9, 0));
  EXPECT_EQ(call.talk(voice, 20), 20);
  EXPECT_LT(highest_of(call), 65536u);
}

TEST(TakeoverTest, WhatWasHeardIsSpent) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(3, 7000));
  call.sender->begin(kSsrc, 3);
  RtpOptions voice = talker(kSsrc);
  voice.sequence = 7001;
  const Bytes first = call.sealed(voice);
  EXPECT_EQ(call.deliver(first), 1);
  EXPECT_EQ(call.deliver(first), 0);
  EXPECT_EQ(call.plane.drops(DropReason::kReplayed), 1u);
  EXPECT_EQ(call.plane.worker().state().past_streams.size(), 0u) << "authentic packets say where it stands";
}

TEST(TakeoverTest, ForgedPacketsMoveNothing) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(3, 7000));
  call.sender->begin(kSsrc, 3);
  RtpOptions voice = talker(kSsrc);
  voice.sequence = 7001;
  for (int i = 0; i < 1000; ++i) {
    RtpOptions forged = voice;
    forged.sequence = static_cast<std::uint16_t>(i * 977);
    EXPECT_EQ(call.deliver(make_rtp(forged)), 0);
  }
  EXPECT_EQ(call.plane.memory().streams_in_use.read(), 0u);
  EXPECT_GE(call.talk(voice, 20), 18) << "every second one of the first may be tried with another counter";
  EXPECT_EQ(highest_of(call), index_of(3, 7020));
}

// RFC 3711 3.3.1: signalling names the counter, but packets have gone over the wrap since, or had not yet.
class WrongCounterTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Steps, WrongCounterTest, ::testing::Values(1, -1, 2, -2));

TEST_P(WrongCounterTest, OneNearItIsFoundWithinABudget) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(10, 0x8000));
  const auto roc = static_cast<std::uint32_t>(10 + GetParam());
  call.sender->begin(kSsrc, roc);
  RtpOptions voice = talker(kSsrc);
  EXPECT_GE(call.talk(voice, 50), 20) << "within half a second";
  EXPECT_EQ(call.talk(voice, 50), 50);
  EXPECT_EQ(crypto::roll_over_counter(highest_of(call)), roc);
}

TEST(WrongCounterTest, OneFarFromItIsNot) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(10, 0x8000));
  call.sender->begin(kSsrc, 13);
  RtpOptions voice = talker(kSsrc);
  EXPECT_EQ(call.talk(voice, 200), 0);
  EXPECT_EQ(call.plane.drops(DropReason::kAuthFailed), 200u);
}

// The first counter has none below it, and the last one none above it.
TEST(WrongCounterTest, TheEndsOfTheRangeAreKept) {
  for (const std::uint32_t roc : {0u, 0xffffffffu}) {
    Call call(EndpointKind::kSdes);
    expect_stream(call.plane, call.from, kSsrc, index_of(roc, 0x8000));
    call.sender->begin(kSsrc, roc == 0 ? 1 : 0xfffffffe);
    RtpOptions voice = talker(kSsrc);
    EXPECT_GE(call.talk(voice, 50), 20);
  }
}

// A lower counter would open a stream that was heard to packets that are spent.
TEST(WrongCounterTest, AStreamThatWasHeardGoesUpOnly) {
  Call call(EndpointKind::kSdes);
  expect_stream(call.plane, call.from, kSsrc, index_of(10, 0));
  call.sender->begin(kSsrc, 10);
  RtpOptions voice = talker(kSsrc);
  EXPECT_EQ(call.talk(voice, 20), 20);
  Oracle earlier(call.from.to_sluice, false, 1024);
  earlier.begin(kSsrc, 9);
  for (int i = 0; i < 100; ++i, Call::next(voice))
    EXPECT_EQ(call.deliver(earlier.protect(make_rtp(voice))), 0);
  EXPECT_EQ(crypto::roll_over_counter(highest_of(call)), 10u);
}

// ---- What a route sends

TEST_P(TakeoverTest, ARouteBeginsWithTheGivenIndex) {
  for (const std::uint64_t first : {index_of(7, 300), index_of(7, 65530), index_of(0xfffeffff, 1)}) {
    Harness plane;
    const Peer from = plane.add_peer();
    PeerOptions options = with_profile(GetParam());
    options.kind = EndpointKind::kSdes;
    const Peer to = plane.add_peer(options);
    RouteOptions route;
    route.first_index = first;
    const std::uint32_t slot = plane.add_route(plane.add_source(from, route), to, route);
    Oracle receiver(to.from_sluice, true);
    receiver.begin(route.ssrc, crypto::roll_over_counter(first));
    RtpOptions rtp;
    for (std::uint64_t i = 0; i < 20; ++i, Call::next(rtp)) {
      plane.deliver(from, make_rtp(rtp));
      const auto sent = plane.sent();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_EQ(load_be16(&sent[0].payload[2]), static_cast<std::uint16_t>(first + i));
      EXPECT_TRUE(receiver.unprotect(sent[0].payload)) << receiver.last_status();
    }
    EXPECT_EQ(plane.memory().routes[slot].highest_index.read(), first + 19);
  }
}

TEST(TakeoverTest, TheSrtcpIndexGoesOn) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer to = plane.add_peer(options);
  const Peer from = plane.add_peer();
  const std::uint32_t slot = plane.add_route(plane.add_source(from, {}), to, {});
  plane.memory().endpoints[to.slot].rtcp_index.set(70'000);
  RtpOptions rtp;
  plane.deliver(from, make_rtp(rtp));
  (void)plane.sent();
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {slot, plane.memory().routes[slot].generation};
  plane.command(remove);  // says BYE
  const auto sent = plane.sent();
  ASSERT_EQ(sent.size(), 1u);
  std::uint32_t index = 0;
  ASSERT_TRUE(crypto::srtcp_index(to.profile, sent[0].payload, index));
  EXPECT_EQ(index, 70'001u);
  Oracle receiver(to.from_sluice, true);
  EXPECT_TRUE(receiver.unprotect_rtcp(sent[0].payload));
}

}  // namespace
}  // namespace sluice::dataplane::test
