// Which stream feeds a source, packet by packet. Peers change their SSRC, return to an old one, insert
// packets of another kind, or send two streams at the same time.
#include <gtest/gtest.h>

#include "dataplane/stages/streams.h"
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

PeerOptions with_mid() {
  PeerOptions options;
  options.mid_extension_id = 4;
  return options;
}

PeerOptions without_rtcp_mux() {
  PeerOptions options;
  options.rtcp_mux = false;
  return options;
}

class ContestTest : public ::testing::TestWithParam<EndpointKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ContestTest, ::testing::Values(EndpointKind::kRtp, EndpointKind::kSdes),
                         kind_name);

TEST_P(ContestTest, ANewSsrcIsHeardFromItsFirstPacket) {
  Call call(GetParam());
  RtpOptions first = talker(1000), second = talker(2000);
  EXPECT_EQ(call.talk(first, 50), 50);
  EXPECT_EQ(call.talk(second, 50), 50);
}

// RFC 3550 6.3.5: a source times out only when it is silent. The caller's SSRC returns after music on hold.
TEST_P(ContestTest, HoldAndResumeAgainAndAgain) {
  Call call(GetParam());
  RtpOptions voice = talker(1000), music = talker(2000);
  EXPECT_EQ(call.talk(voice, 50), 50);
  EXPECT_EQ(call.talk(music, 250), 250);
  for (int i = 0; i < 5; ++i) {
    EXPECT_GE(call.talk(voice, 300), 299) << "resumed for the " << i << ". time";
    EXPECT_GE(call.talk(music, 300), 299) << "held for the " << i << ". time";
  }
}

TEST_P(ContestTest, ShortHoldsAreFollowedToo) {
  Call call(GetParam());
  RtpOptions voice = talker(1000), music = talker(2000);
  call.talk(voice, 20);
  for (int i = 0; i < 6; ++i) {
    EXPECT_GE(call.talk(music, 60), 59) << i;
    EXPECT_GE(call.talk(voice, 60), 59) << i;
  }
}

TEST_P(ContestTest, OneStrayPacketTakesNothing) {
  Call call(GetParam());
  RtpOptions voice = talker(1000), stray = talker(0xdeadbeef);
  EXPECT_EQ(call.talk(voice, 50), 50);
  for (int i = 0; i < 20; ++i) {
    call.send(stray);
    EXPECT_EQ(call.talk(voice, 50), 50) << "after stray packet " << i;
  }
}

// Each forged packet has another SSRC, and there are two for each packet of the voice.
TEST_P(ContestTest, StrayPacketsOfManySsrcsTakeNothing) {
  Call call(GetParam());
  RtpOptions voice = talker(1000);
  EXPECT_EQ(call.talk(voice, 5), 5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    RtpOptions one = talker(3000 + i), other = talker(4000 + i);
    call.send(one);
    call.send(other);
    EXPECT_EQ(call.talk(voice, 1), 1) << i;
  }
}

// A stream that goes on is not replaced, for example by packets of an earlier call on this port.
TEST_P(ContestTest, AStreamThatGoesOnKeepsItsSource) {
  Call call(GetParam());
  RtpOptions voice = talker(1000), other = talker(2000);
  call.talk(voice, 50);
  int heard = 0;
  for (int i = 0; i < 500; ++i) {
    heard += call.send(voice);
    call.plane.advance(kPacketTime / 2);
    call.send(other);
    call.plane.advance(kPacketTime / 2);
  }
  EXPECT_EQ(heard, 500);
}

// Audio and bursts of video frames on one route: the stream that feeds the source keeps it.
TEST_P(ContestTest, TwoStreamsThatGoOnDoNotTakeTurns) {
  Call call(GetParam());
  RtpOptions audio = talker(1000, 0), video = talker(2000, 96);
  call.talk(audio, 10);
  int changes = 0;
  std::uint32_t last = call.plane.memory().sources[call.source].stream;
  for (int ms = 0; ms < 20000; ++ms) {
    if (ms % 20 == 0) call.send(audio);
    if (ms % 66 == 0)
      for (int i = 0; i < 12; ++i) call.send(video);
    const std::uint32_t now = call.plane.memory().sources[call.source].stream;
    changes += now != last;
    last = now;
    call.plane.advance(0.001);
  }
  EXPECT_LE(changes, 3);
}

// A late packet of the old stream does not make it feed the source again.
TEST_P(ContestTest, AStragglerOfTheOldStreamTakesNothing) {
  Call call(GetParam());
  RtpOptions first = talker(1000), second = talker(2000);
  call.talk(first, 20);
  const Bytes late = call.sealed(first);
  Call::next(first);
  call.talk(first, 5);
  EXPECT_EQ(call.send(second), 1);
  call.plane.deliver(call.from, late);
  call.plane.sent();
  EXPECT_EQ(call.talk(second, 20), 20);
}

// The last packets of the old SSRC and the first packet of the new arrive in one batch.
TEST_P(ContestTest, PacketsOfTheOldSsrcInTheBatchOfTheNewAreForwarded) {
  Call call(GetParam());
  RtpOptions first = talker(1000), second = talker(2000);
  call.talk(first, 20);
  std::vector<Bytes> frames;
  for (int i = 0; i < 17; ++i) {
    frames.push_back(call.plane.frame_from(call.from, call.sealed(first)));
    Call::next(first);
  }
  frames.push_back(call.plane.frame_from(call.from, call.sealed(second)));
  Call::next(second);
  call.plane.deliver_frames(frames);
  EXPECT_EQ(call.plane.sent().size(), 18u);
  EXPECT_EQ(call.talk(second, 5), 5);
}

TEST_P(ContestTest, DigitsAndComfortNoiseWithAnSsrcOfTheirOwnTakeNothing) {
  RouteOptions options;
  options.payload_types = {{0, 0}};
  Call call(GetParam(), options);
  RtpOptions voice = talker(1000), digit = talker(2000, 101), noise = talker(3000, 13);
  call.talk(voice, 10);
  for (int i = 0; i < 100; ++i) {
    call.send(digit);  // two for each packet of the voice
    call.send(digit);
    if (i % 10 == 0) call.send(noise);
    EXPECT_EQ(call.talk(voice, 1), 1) << i;
  }
}

// A digit comes first, so the stream that feeds the source has a payload type that its route does not map.
TEST_P(ContestTest, MediaTakesItsSourceFromADigit) {
  RouteOptions options;
  options.payload_types = {{0, 0}};
  Call call(GetParam(), options);
  RtpOptions voice = talker(1000), digit = talker(2000, 101);
  call.talk(digit, 10);
  EXPECT_EQ(call.talk(voice, 50), 50);
}

// RFC 3550 5.1: the payload type may change inside a stream.
TEST_P(ContestTest, AChangeOfCodecFollowsTheRouteThatMapsIt) {
  RouteOptions ulaw, alaw;
  ulaw.match = alaw.match = SourceMatch::kPayloadType;
  ulaw.match_payload_types = {0};
  alaw.match_payload_types = {8};
  ulaw.payload_types = {{0, 0}};
  alaw.payload_types = {{8, 8}};
  ulaw.ssrc = 1;
  alaw.ssrc = 2;
  Call call(GetParam(), ulaw);
  call.plane.add_route(call.plane.add_source(call.from, alaw), call.to, alaw);
  RtpOptions voice = talker(1000, 101);  // a digit first
  EXPECT_EQ(call.talk(voice, 3), 0);
  for (const std::uint8_t type : {0, 8, 0, 8}) {
    voice.payload_type = type;
    for (int i = 0; i < 50; ++i) {
      call.plane.deliver(call.from, call.sealed(voice));
      Call::next(voice);
      const auto sent = call.plane.sent();
      ASSERT_EQ(sent.size(), 1u) << "payload type " << int{type} << ", packet " << i;
      EXPECT_EQ(load_be32(&sent[0].payload[8]), type == 0 ? 1u : 2u);
      call.plane.advance(kPacketTime);
    }
  }
}

// Digits in the voice's stream, with a payload type that no source names, take the same route as the voice.
TEST_P(ContestTest, AnUnlistedPayloadTypeStaysWithItsStream) {
  RouteOptions options;
  options.match = SourceMatch::kPayloadType;
  options.match_payload_types = {0};
  Call call(GetParam(), options);
  RtpOptions voice = talker(1000, 0);
  EXPECT_EQ(call.talk(voice, 5), 5);
  voice.payload_type = 101;
  EXPECT_EQ(call.talk(voice, 5), 5);
  voice.payload_type = 0;
  EXPECT_EQ(call.talk(voice, 5), 5);
}

// RFC 8843 9.2: several SSRCs share a mid, also those of RFC 4588 retransmissions.
TEST_P(ContestTest, ARepairStreamOfTheSameMidTakesNothing) {
  RouteOptions options;
  options.match = SourceMatch::kName;
  options.match_mid = "1";
  options.payload_types = {{96, 96}};
  Call call(GetParam(), options, with_mid());
  RtpOptions media = talker(1000, 96), repair = talker(2000, 97);
  media.extension = repair.extension = {0xbe, 0xde, 0, 1, 0x40, '1', 0, 0};
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(call.send(media), 1) << i;
    for (int again = 0; again < i % 20; ++again) call.send(repair);
    call.plane.advance(0.033);
  }
}

// RFC 5761 4: payload types 64 to 95 are RTCP on every port.
TEST_P(ContestTest, RtcpOnTheRtpPortIsNoMedia) {
  Call call(GetParam(), {}, without_rtcp_mux());
  RtpOptions voice = talker(1000);
  call.talk(voice, 50);
  call.plane.deliver(call.from, call.sealed_rtcp(sender_report(1000)));
  for (const Sent& sent : call.plane.sent())
    EXPECT_EQ(sent.payload[1], 200) << "only the report may leave, as RTCP";
  EXPECT_EQ(call.talk(voice, 50), 50);
}

// A silent stream still sends RTCP. That does not keep other streams from the source.
TEST(ContestSdesTest, RtcpOfASilentStreamKeepsNoSource) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(1000), music = talker(2000);
  call.talk(voice, 20);
  call.talk(music, 20);
  for (int i = 0; i < 100; ++i) {
    call.plane.deliver(call.from, call.sealed_rtcp(sender_report(2000)));
    call.plane.sent();
    EXPECT_GE(call.talk(voice, 1), i == 0 ? 0 : 1) << i;
  }
}

// RTX where routes map no payload types: nothing but the endpoint's setting tells it from media.
TEST_P(ContestTest, RepairStreamsFeedOnlyASourceThatNamesThem) {
  for (const SourceMatch match : {SourceMatch::kAny, SourceMatch::kName, SourceMatch::kSsrc}) {
    PeerOptions publisher = with_mid();
    publisher.repair_types = {97};
    RouteOptions route;
    route.match = match;
    route.match_mid = "1";
    route.match_ssrc = 2000;
    Call call(GetParam(), route, publisher);
    RtpOptions media = talker(1000, 96), repair = talker(2000, 97);
    for (RtpOptions* rtp : {&media, &repair}) rtp->extension = {0xbe, 0xde, 0, 1, 0x40, '1', 0, 0};
    const bool is_named = match == SourceMatch::kSsrc;
    int heard = 0, repairs = 0;
    for (int i = 0; i < 10; ++i) {
      heard += call.talk(media, 20);
      repairs += call.send(repair);
    }
    call.plane.advance(3);  // nor does silence make it media
    for (int i = 0; i < 20; ++i) repairs += call.talk(repair, 1);
    EXPECT_EQ(heard, is_named ? 0 : 200) << static_cast<int>(match);
    EXPECT_EQ(repairs, is_named ? 30 : 0) << static_cast<int>(match);
  }
}

// One of many routes maps the digits of an SSRC of their own, and it is the oldest one.
TEST_P(ContestTest, TheKindIsThatOfAllRoutes) {
  RouteOptions digits;
  digits.payload_types = {{101, 101}};
  Call call(GetParam(), digits);
  RouteOptions voice;
  voice.payload_types = {{0, 0}};
  for (std::uint32_t i = 0; i < 20; ++i) {
    voice.ssrc = 0x52000000 + i;
    call.plane.add_route(call.source, call.to, voice);
  }
  RtpOptions talk = talker(1000), press = talker(2000, 101);
  EXPECT_EQ(call.talk(talk, 1), 20);
  EXPECT_EQ(call.talk(press, 5), 5);
}

TEST_P(ContestTest, AStreamFeedsEightSources) {
  Call call(GetParam());
  for (std::uint32_t i = 1; i < kMaxSourcesPerStream; ++i) {
    RouteOptions route;
    route.clock_rate = 8000 + i;
    route.ssrc = 0x52000000 + i;
    call.plane.add_route(call.plane.add_source(call.from, route), call.to, route);
  }
  RtpOptions voice = talker(1000);
  EXPECT_EQ(call.talk(voice, 10), 10 * static_cast<int>(kMaxSourcesPerStream));
}

// RFC 8852: the layers of one picture have one mid, and RTX names the layer that it repairs.
TEST_P(ContestTest, EachLayerOfSimulcastHasARoute) {
  PeerOptions publisher = with_mid();
  publisher.rid_extension_id = 5;
  publisher.repaired_rid_extension_id = 6;
  RouteOptions route;
  route.match = SourceMatch::kName;
  route.match_mid = "1";
  route.match_rid = "h";
  Call call(GetParam(), route, publisher);
  route.match_rid = "l";
  route.ssrc = 0x52000000;
  call.plane.add_route(call.plane.add_source(call.from, route), call.to, route);
  route.match_mid = "";  // the rid alone
  route.match_rid = "m";
  route.ssrc = 0x53000000;
  call.plane.add_route(call.plane.add_source(call.from, route), call.to, route);
  const auto layer = [](std::uint32_t ssrc, std::uint8_t id, char rid) {
    RtpOptions rtp = talker(ssrc, 96);
    rtp.extension = {
        0xbe, 0xde, 0, 1, 0x40, '1', static_cast<std::uint8_t>(id << 4), static_cast<std::uint8_t>(rid)};
    return rtp;
  };
  RtpOptions high = layer(1000, 5, 'h'), middle = layer(2000, 5, 'm'), low = layer(3000, 5, 'l');
  RtpOptions repair = layer(4000, 6, 'h'), other = layer(5000, 5, 'x');
  for (int i = 0; i < 100; ++i) {
    for (const auto& [rtp, ssrc] : {std::pair{&high, 0x51000000u},
                                    {&low, 0x52000000u},
                                    {&middle, 0x53000000u},
                                    {&repair, 0u},
                                    {&other, 0u}}) {
      call.plane.deliver(call.from, call.sealed(*rtp));
      Call::next(*rtp);
      if (i == 10) rtp->extension.clear();  // senders stop to name the stream once the receiver knows it
      const auto sent = call.plane.sent();
      ASSERT_EQ(sent.size(), ssrc == 0 ? 0u : 1u) << i << " " << rtp->ssrc;
      if (ssrc != 0) {
        ASSERT_EQ(load_be32(&sent[0].payload[8]), ssrc);
      }
    }
    call.plane.advance(kPacketTime);
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
