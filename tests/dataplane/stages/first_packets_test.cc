// The first packets of a stream and of a route: reordered, over the wrap of the sequence number, and after a
// loss so long that the roll-over counter was missed. libsrtp2 plays the sender.
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

class FirstPacketsTest : public ::testing::TestWithParam<EndpointKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, FirstPacketsTest, ::testing::Values(EndpointKind::kRtp, EndpointKind::kSdes),
                         kind_name);

TEST_P(FirstPacketsTest, FirstPacketsThatComeReorderedAreNotLost) {
  RouteOptions route;
  route.reorder_room = 8;
  Call call(GetParam(), route);
  std::vector<Bytes> packets;
  RtpOptions voice = talker(1000);
  for (int i = 0; i < 12; ++i, Call::next(voice)) packets.push_back(call.sealed(voice));
  std::vector<int> left;
  for (const int i : {8, 2, 0, 1, 9, 7, 10, 11}) {
    call.plane.deliver(call.from, packets[static_cast<std::size_t>(i)]);
    for (const Sent& sent : call.plane.sent()) left.push_back(load_be16(&sent.payload[2]));
  }
  // The first to come is 108. Those before it keep their distance, and 100 is the lowest that there is.
  EXPECT_EQ(left, (std::vector<int>{108, 102, 100, 101, 109, 107, 110, 111}));
}

// All of one batch: the stream is not known before the first packet is authentic.
TEST_P(FirstPacketsTest, AStreamThatBeginsJustBeforeTheWrapLosesNothing) {
  Call call(GetParam());
  RtpOptions voice = talker(1000);
  voice.sequence = 65532;
  std::vector<Bytes> frames;
  for (int i = 0; i < 8; ++i, Call::next(voice))
    frames.push_back(call.plane.frame_from(call.from, call.sealed(voice)));
  call.plane.deliver_frames(frames);
  EXPECT_EQ(call.plane.sent().size(), 8u);
  EXPECT_EQ(call.talk(voice, 20), 20);
}

class LongLossTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Packets, LongLossTest, ::testing::Values(20'000, 40'000, 65'530, 70'000, 150'000));

TEST_P(LongLossTest, TheCallIsHeardAgain) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(1000);
  EXPECT_EQ(call.talk(voice, 50), 50);
  for (int i = 0; i < GetParam(); ++i, Call::next(voice)) call.sealed(voice);
  call.plane.advance(GetParam() * kPacketTime);
  EXPECT_GE(call.talk(voice, 100), 60) << "within a second";
  EXPECT_EQ(call.talk(voice, 100), 100);
}

// However many they are: each packet between them is heard.
TEST(LongLossTest, AFloodOfForgedPacketsSpoilsNoneOfTheGoodOnes) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(1000);
  EXPECT_EQ(call.talk(voice, 50), 50);
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 5 + i % 40; ++k) {
      RtpOptions forged = voice;
      forged.sequence = static_cast<std::uint16_t>(forged.sequence + k * i);
      Bytes packet = make_rtp(forged);
      packet.resize(packet.size() + 16, 0x55);
      EXPECT_EQ(call.deliver(packet), 0);
    }
    EXPECT_EQ(call.talk(voice, 1), 1) << i;
  }
}

// Forged packets from the peer's own address do not disturb the packets between them.
TEST(LongLossTest, ForgedPacketsChangeNothing) {
  Call call(EndpointKind::kSdes);
  RtpOptions voice = talker(1000);
  EXPECT_EQ(call.talk(voice, 50), 50);
  for (int i = 0; i < 100; ++i) {
    RtpOptions forged = voice;
    for (int k = 0; k < 20; ++k) {
      forged.sequence = static_cast<std::uint16_t>(forged.sequence + 977);
      EXPECT_EQ(call.deliver(make_rtp(forged)), 0);
    }
    // Twenty refusals in a row: the next packet may be one of those that are tried with another counter.
    call.send(voice);
    EXPECT_EQ(call.talk(voice, 3), 3);
  }
  EXPECT_EQ(call.plane.memory().streams[0].rtp_window.highest() & 0xffff,
            static_cast<std::uint16_t>(voice.sequence - 1));
}

}  // namespace
}  // namespace sluice::dataplane::test
