// A room over two workers: receivers on both get the media of one publisher, also while source, mirror and
// routes change. Every buffer returns, and both ledgers close.
#include "dataplane/stages/lend.h"

#include <gtest/gtest.h>

#include "tests/dataplane/stages/lend_fixture.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

class LendTest : public ::testing::TestWithParam<SrtpProfile> {};
INSTANTIATE_TEST_SUITE_P(Profiles, LendTest, ::testing::ValuesIn(crypto::kAllSrtpProfiles));

std::uint16_t sequence_of(const Bytes& packet) {
  return load_be16(&packet[2]);
}

TEST_P(LendTest, ReceiversOnBothWorkersGetEveryPacket) {
  Room room(GetParam());
  room.add_receiver(room.home);
  room.add_receiver(room.home);
  for (const SrtpProfile profile : crypto::kAllSrtpProfiles) {
    PeerOptions options = room.publisher_options;
    options.profile = profile;
    room.add_receiver(room.away, options);
  }
  PeerOptions plain;
  plain.kind = EndpointKind::kRtp;
  room.add_receiver(room.away, plain);
  std::uint16_t sequence = 65500;
  for (int i = 0; i < 100; ++i, ++sequence) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    rtp.timestamp = static_cast<std::uint32_t>(i) * 960;
    rtp.size = static_cast<std::size_t>(i * 11 % 1100);
    room.publish(rtp);
    room.settle();
    const auto here = room.home.sent();
    const auto there = room.away.sent();
    for (const auto& receiver : room.receivers) {
      const auto got = Room::opened(receiver->plane == &room.home ? here : there, *receiver);
      ASSERT_EQ(got.size(), 1u) << i;
      rtp.ssrc = room.route_options.ssrc;
      Bytes expected = make_rtp(rtp);
      store_be16(&expected[2], static_cast<std::uint16_t>(100 + i));
      ASSERT_EQ(got[0], expected) << i;
    }
  }
  EXPECT_EQ(room.home.counters().lent.read(), 100u) << "one loan for the other worker, not for each receiver";
  EXPECT_EQ(room.home.counters().forwarded.read(), 100u);
  EXPECT_EQ(room.away.counters().forwarded.read(), 100u);
  EXPECT_EQ(room.away.counters().copies.read(), 500u);
}

TEST(LendRoomTest, AWholeBatchWithReceiversOnTheOtherWorkerOnly) {
  Room room;
  Receiver& one = room.add_receiver(room.away);
  std::vector<Bytes> frames;
  for (std::uint16_t i = 0; i < kBatch; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    frames.push_back(room.home.frame_from(room.publisher, room.sealer->protect(make_rtp(rtp))));
  }
  room.home.deliver_frames(frames);
  EXPECT_EQ(room.home.counters().forwarded.read(), kBatch);
  EXPECT_EQ(room.home.counters().copies.read(), 0u);
  EXPECT_GE(room.home.frames_in_use(), kBatch) << "the buffers must be out on loan";
  room.settle();
  EXPECT_EQ(Room::opened(room.away.sent(), one).size(), kBatch);
  EXPECT_EQ(room.home.frames_in_use(), 0u);
}

// The copies need more than one round of outputs.
TEST(LendRoomTest, AFanOutOfHundredsOnTheBorrower) {
  Room room;
  for (int i = 0; i < 200; ++i) room.add_receiver(room.away);
  for (std::uint16_t i = 0; i < 5; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    room.publish(rtp);
  }
  room.settle();
  const auto sent = room.away.sent();
  EXPECT_EQ(sent.size(), 1000u);
  for (const auto& receiver : room.receivers) EXPECT_EQ(Room::opened(sent, *receiver).size(), 5u);
}

// The publisher starts a new SSRC, as when plain RTP starts over. Receivers on both workers see one stream.
TEST(LendRoomTest, AnotherStreamGoesOnWhereTheLastEnded) {
  Room room;
  Receiver& near = room.add_receiver(room.home);
  Receiver& far = room.add_receiver(room.away);
  std::uint16_t expected = 100;
  for (int change = 0; change < 10; ++change) {
    RtpOptions rtp;
    rtp.ssrc = 5000 + static_cast<std::uint32_t>(change);
    for (int i = 0; i < 3; ++i, ++expected) {
      rtp.sequence = static_cast<std::uint16_t>(change * 7000 + i);
      rtp.timestamp = static_cast<std::uint32_t>(change) * 1000003;
      room.publish(rtp);
      room.settle();
      for (auto* receiver : {&near, &far}) {
        const auto got = Room::opened(receiver->plane->sent(), *receiver);
        ASSERT_EQ(got.size(), 1u) << change;
        EXPECT_EQ(sequence_of(got[0]), expected);
        EXPECT_EQ(load_be32(&got[0][8]), room.route_options.ssrc);
      }
      room.home.advance(0.02);
      room.away.advance(0.02);
    }
  }
}

// The borrower takes loans of two streams in one turn.
TEST(LendRoomTest, TwoStreamsInOneBatchAreTwo) {
  Room room;
  Receiver& far = room.add_receiver(room.away);
  for (std::uint32_t change = 0; change < 4; ++change) {
    for (std::uint16_t i = 0; i < 5; ++i) {
      RtpOptions rtp;
      rtp.ssrc = 5000 + change;
      rtp.sequence = static_cast<std::uint16_t>(change * 9000 + i);
      room.publish(rtp);
    }
  }
  room.settle();
  const auto got = Room::opened(room.away.sent(), far);
  ASSERT_EQ(got.size(), 20u);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(sequence_of(got[i]), 100 + i);
}

TEST(LendRoomTest, APlainSenderThatStartsOverIsFollowed) {
  Room room;
  PeerOptions plain;
  plain.kind = EndpointKind::kRtp;
  const Peer caller = room.home.add_peer(plain);
  const std::uint32_t source = room.home.add_source(caller, room.route_options);
  const std::uint32_t mirror = room.away.add_mirror(room.home, source, room.route_options);
  Receiver far;
  far.plane = &room.away;
  far.peer = room.away.add_peer(room.publisher_options);
  far.route = room.away.add_route(mirror, far.peer, room.route_options);
  far.opener = std::make_unique<Oracle>(far.peer.from_sluice, true);
  std::uint16_t expected = 100;
  for (const std::uint16_t sequence : {10, 11, 12, 30000, 30001, 30002, 5, 6, 7}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    room.home.deliver(caller, make_rtp(rtp));
    room.settle();
    const auto got = Room::opened(room.away.sent(), far);
    if (sequence == 30000 || sequence == 5) {
      EXPECT_TRUE(got.empty()) << "a single packet may be a stray";
      continue;
    }
    ASSERT_EQ(got.size(), 1u) << sequence;
    EXPECT_EQ(sequence_of(got[0]), expected++);
  }
}

// The route is switched from the other worker's publisher to a local one, and back: no number twice, no gap.
TEST_P(LendTest, ARouteIsSwitchedAcrossWorkers) {
  Room room(GetParam());
  Receiver& far = room.add_receiver(room.away);
  const Peer local = room.away.add_peer(room.publisher_options);
  const std::uint32_t local_source = room.away.add_source(local, room.route_options);
  Oracle local_sealer(local.to_sluice, false);
  std::uint16_t expected = 100;
  RtpOptions here;
  here.sequence = 65530;
  RtpOptions there;
  there.sequence = 3;
  for (int change = 0; change < 200; ++change) {
    const bool from_home = change % 2 == 0;
    for (int i = 0; i < 1 + change % 3; ++i) {
      RtpOptions& rtp = from_home ? here : there;
      if (from_home) {
        room.publish(rtp);
      } else {
        room.away.deliver(local, local_sealer.protect(make_rtp(rtp)));
      }
      ++rtp.sequence;
      room.settle();
      const auto got = Room::opened(room.away.sent(), far);
      ASSERT_EQ(got.size(), 1u) << change;
      ASSERT_EQ(sequence_of(got[0]), expected++);
    }
    room.away.switch_route(far.route, from_home ? local_source : room.mirror());
    room.home.advance(0.02);
    room.away.advance(0.02);
  }
}

TEST(LendRoomTest, LoansForAMirrorThatHasGoneLeadNowhere) {
  Room room;
  room.add_receiver(room.home);
  Receiver& far = room.add_receiver(room.away);
  RtpOptions rtp;
  room.publish(rtp);
  room.settle();
  // The other worker removes route and mirror before home stops lending, and a successor takes the slot.
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {far.route, 1};
  room.away.command(remove);
  remove.kind = CommandKind::kRemoveSource;
  remove.ref = {room.mirror(), 1};
  room.away.command(remove);
  SourceSlot& successor = room.away.memory().sources[room.mirror()];
  successor.generation = 2;
  Command install;
  install.kind = CommandKind::kInstallSource;
  install.ref = {room.mirror(), 2};
  room.away.command(install);
  ++rtp.sequence;
  room.publish(rtp);
  room.settle();
  EXPECT_EQ(room.away.drops(DropReason::kNoRoute), 1u);
  Command unlend;
  unlend.kind = CommandKind::kUnlendSource;
  unlend.ref = {room.source, 1};
  unlend.worker = 1;
  room.home.command(unlend);
  ++rtp.sequence;
  room.publish(rtp);
  room.settle();
  EXPECT_EQ(room.home.counters().lends.read(), 2u);
  EXPECT_EQ(room.home.sent().size(), 3u) << "the receiver on the home worker must get all packets";
  EXPECT_EQ(room.away.counters().stale_commands.read(), 0u);
}

TEST(LendRoomTest, AMirrorWithoutRoutesIsANamedDrop) {
  Room room;
  room.mirror();
  room.publish({});
  room.settle();
  EXPECT_EQ(room.away.drops(DropReason::kNoRoute), 1u);
  EXPECT_EQ(room.home.counters().forwarded.read(), 1u);
}

TEST(LendRoomTest, AWorkerThatIsBehindIsLentNoMore) {
  Room room;
  Receiver& near = room.add_receiver(room.home);
  Receiver& far = room.add_receiver(room.away);
  constexpr std::size_t kPackets = Steering::kLoans + 20;
  std::size_t got_here = 0;
  for (std::size_t i = 0; i < kPackets; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<std::uint16_t>(i);
    room.publish(rtp);
    got_here += Room::opened(room.home.sent(), near).size();
  }
  EXPECT_EQ(got_here, kPackets) << "receivers on the home worker must get all packets";
  EXPECT_EQ(room.home.counters().lent.read(), Steering::kLoans);
  EXPECT_EQ(room.home.drops(DropReason::kLendRingFull), 20u);
  room.settle();
  EXPECT_EQ(Room::opened(room.away.sent(), far).size(), Steering::kLoans);
  RtpOptions last;
  last.sequence = static_cast<std::uint16_t>(kPackets);
  room.publish(last);
  room.settle();
  EXPECT_EQ(Room::opened(room.away.sent(), far).size(), 1u);
}

TEST(LendRoomTest, ThePublisherGoesFirst) {
  Room room;
  Receiver& far = room.add_receiver(room.away);
  room.publish({});
  Command remove;
  remove.kind = CommandKind::kRemoveEndpoint;
  remove.ref = {room.publisher.slot, 1};
  room.home.command(remove);
  room.settle();
  EXPECT_EQ(Room::opened(room.away.sent(), far).size(), 1u)
      << "packets that are lent already must still be sent";
}

TEST(LendRoomTest, LendingToOneselfOrToNoWorkerIsRefused) {
  Room room;
  Command lend;
  lend.kind = CommandKind::kLendSource;
  lend.ref = {room.source, 1};
  lend.source = {0, 1};
  for (const std::uint8_t worker : {0, 2, 200}) {
    lend.worker = worker;
    room.home.command(lend);
  }
  EXPECT_EQ(room.home.counters().stale_commands.read(), 3u);
  EXPECT_EQ(room.home.memory().sources[room.source].lent_to, 0u);
}

}  // namespace
}  // namespace sluice::dataplane::test
