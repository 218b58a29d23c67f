// The worker itself sends a lost packet again, byte for byte; libsrtp2 is the oracle. And a NACK gets no more
// packets than it should.
#include "dataplane/stages/retransmit.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "dataplane/wire/rtcp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

struct Lost {
  std::uint16_t first;
  std::uint16_t more = 0;  // BLP
};

Bytes nack_about(std::uint32_t ssrc, const std::vector<Lost>& lost) {
  Bytes entries(lost.size() * 4);
  for (std::size_t i = 0; i < lost.size(); ++i) {
    store_be16(&entries[i * 4], lost[i].first);
    store_be16(&entries[i * 4 + 2], lost[i].more);
  }
  Bytes packet(1400);
  RtcpWriter writer(packet);
  EXPECT_TRUE(writer.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, ssrc, entries));
  packet.resize(writer.length());
  return packet;
}

// Publishers and receivers. Keeps the packets of each receiver by their outgoing sequence numbers.
struct Room {
  explicit Room(SrtpProfile profile = SrtpProfile::kAeadAes128Gcm,
                crypto::EngineKind engine = crypto::EngineKind::kIpsecMb,
                EndpointKind kind = EndpointKind::kWebrtc)
      : plane(engine) {
    options.kind = kind;
    options.profile = profile;
    route_options.retransmit = true;
    publisher = add_publisher();
    source = plane.add_source(publisher, route_options);
    rtp.sequence = 7000;
    rtp.timestamp = 50000;
  }

  Peer add_publisher() {
    const Peer peer = plane.add_peer(options);
    senders[peer.slot] = std::make_unique<Oracle>(peer.to_sluice, false);
    return peer;
  }

  struct Receiver {
    Peer peer;
    std::uint32_t route;
    std::unique_ptr<Oracle> sender;
    std::map<std::uint16_t, Bytes> got;
  };

  // The SSRC of the route is 0x51000000 plus the receiver's number.
  Receiver& add_receiver(bool retransmit = true) {
    const Peer peer = plane.add_peer(options);
    RouteOptions own = route_options;
    own.ssrc += static_cast<std::uint32_t>(receivers.size());
    own.retransmit = retransmit;
    receivers.push_back(
        {peer, plane.add_route(source, peer, own), std::make_unique<Oracle>(peer.to_sluice, false), {}});
    return receivers.back();
  }

  Bytes sealed(const Peer& from, const Bytes& plain) {
    return from.kind == EndpointKind::kRtp ? plain : senders.at(from.slot)->protect(plain);
  }

  void publish(const Peer& from, int packets = 1) {
    for (int i = 0; i < packets; ++i, ++rtp.sequence, rtp.timestamp += 900) {
      plane.deliver(from, sealed(from, make_rtp(rtp)));
      take();
      plane.advance(0.001);
    }
  }

  // Takes the packets that left: keeps media to receivers in `got` and returns the others.
  std::vector<Sent> take() {
    std::vector<Sent> others;
    for (Sent& sent : plane.sent()) {
      bool media = false;
      for (Receiver& receiver : receivers) {
        if (sent.layers.destination_port != receiver.peer.remote.address.port) continue;
        media = true;
        receiver.got[load_be16(&sent.payload[2])] = sent.payload;
      }
      if (!media) others.push_back(std::move(sent));
    }
    return others;
  }

  // Delivers a NACK of the receiver. Returns the packets that left for it; those for other peers are in
  // `others`.
  std::vector<Bytes> say(Receiver& receiver, const Bytes& nack) {
    plane.deliver(receiver.peer,
                  options.kind == EndpointKind::kRtp ? nack : receiver.sender->protect_rtcp(nack));
    std::vector<Bytes> again;
    others.clear();
    for (Sent& sent : plane.sent()) {
      const bool mine = sent.layers.destination_port == receiver.peer.remote.address.port;
      (mine ? again : others).push_back(sent.payload);
    }
    return again;
  }
  std::vector<Bytes> ask(Receiver& receiver, const std::vector<Lost>& lost) {
    return say(receiver, nack_about(plane.memory().routes[receiver.route].ssrc, lost));
  }

  std::uint64_t suppressed() { return plane.counters().retransmit_suppressed.read(); }
  std::uint64_t misses() { return plane.counters().retransmit_misses.read(); }
  std::uint64_t retransmitted() { return plane.counters().retransmitted.read(); }

  Harness plane;
  PeerOptions options;
  RouteOptions route_options;
  Peer publisher;
  std::uint32_t source = 0;
  std::map<std::uint32_t, std::unique_ptr<Oracle>> senders;
  std::deque<Receiver> receivers;
  RtpOptions rtp;
  std::vector<Bytes> others;
};

class RetransmitTest : public ::testing::TestWithParam<std::tuple<SrtpProfile, crypto::EngineKind, int>> {};
INSTANTIATE_TEST_SUITE_P(Profiles, RetransmitTest,
                         ::testing::Combine(::testing::ValuesIn(crypto::kAllSrtpProfiles),
                                            ::testing::Values(crypto::EngineKind::kIpsecMb,
                                                              crypto::EngineKind::kLibsrtp),
                                            ::testing::Values(1, 3)));  // receivers: 1 is rewritten in place

TEST_P(RetransmitTest, WhatWasLostComesAgainAndOpens) {
  const auto [profile, engine, receivers] = GetParam();
  Room room(profile, engine);
  room.route_options.payload_types = {{96, 101}};
  room.route_options.extension_ids = std::array<std::uint8_t, 16>{0, 5, 0, 7};
  room.rtp.extension = {0xbe, 0xde, 0, 1, 0x10, 0xaa, 0x20, 0xbb};  // ids 1 and 2
  for (int i = 0; i < receivers; ++i) room.add_receiver();
  for (const std::size_t size : {0, 1, 15, 16, 17, 31, 33, 160, 1200}) {
    room.rtp.size = size;
    room.publish(room.publisher);
  }
  for (Room::Receiver& receiver : room.receivers) {
    ASSERT_EQ(receiver.got.size(), 9u);
    Oracle oracle(receiver.peer.from_sluice, true);
    // The receiver got the first and the last packet and lost all others.
    ASSERT_TRUE(oracle.unprotect(receiver.got.at(100)));
    ASSERT_TRUE(oracle.unprotect(receiver.got.at(108)));
    const auto again = room.ask(receiver, {{101, 0b111111}});
    ASSERT_EQ(again.size(), 7u);
    EXPECT_TRUE(room.others.empty());
    for (const Bytes& packet : again) {
      EXPECT_EQ(packet, receiver.got.at(load_be16(&packet[2])));
      const auto plain = oracle.unprotect(packet);
      ASSERT_TRUE(plain) << "libsrtp2 status " << oracle.last_status();
      EXPECT_EQ((*plain)[1], 101);
      EXPECT_EQ((*plain)[16], 0x50) << "the extension's outgoing id";
    }
    const RouteSlot& route = room.plane.memory().routes[receiver.route];
    EXPECT_EQ(route.retransmitted.read(), 7u);
    EXPECT_EQ(route.packets.read(), 16u);
    EXPECT_EQ(route.highest_index.read(), 108u);
  }
  EXPECT_EQ(room.retransmitted(), 7u * receivers);
  EXPECT_EQ(room.misses() + room.suppressed(), 0u);
  EXPECT_EQ(room.plane.counters().feedback_forwarded.read(), 0u) << "the NACK must not reach the publisher";
}

TEST_P(RetransmitTest, SequenceNumbersWrapOnBothSides) {
  const auto [profile, engine, receivers] = GetParam();
  Room room(profile, engine);
  room.route_options.first_index = (5u << 16) - 3;
  room.rtp.sequence = 65530;
  for (int i = 0; i < receivers; ++i) room.add_receiver();
  room.publish(room.publisher, 12);  // in: 65530..5, out: 65533..8
  for (Room::Receiver& receiver : room.receivers) {
    const auto again = room.ask(receiver, {{65534, 0b1111111}});
    ASSERT_EQ(again.size(), 8u);
    for (const Bytes& packet : again) EXPECT_EQ(packet, receiver.got.at(load_be16(&packet[2])));
  }
}

TEST(RetransmitRuleTest, PlainRtpToo) {
  Room room(SrtpProfile::kAeadAes128Gcm, crypto::EngineKind::kIpsecMb, EndpointKind::kRtp);
  auto& receiver = room.add_receiver();
  room.publish(room.publisher);
  room.ask(receiver, {{30000}});  // so that packets are kept
  room.publish(room.publisher, 5);
  const auto again = room.ask(receiver, {{102}});
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0], receiver.got.at(102));
}

// Whether a receiver without WebRTC sends NACKs at all shows with its first one.
TEST(RetransmitRuleTest, PacketsAreKeptForAReceiverThatHasSentANack) {
  Room room(SrtpProfile::kAeadAes128Gcm, crypto::EngineKind::kIpsecMb, EndpointKind::kSdes);
  auto& receiver = room.add_receiver();
  const StreamSlot& stream = room.plane.memory().streams[0];
  room.publish(room.publisher, 5);  // 100..104
  EXPECT_FALSE(stream.kept);
  EXPECT_TRUE(room.ask(receiver, {{102}}).empty());
  EXPECT_EQ(room.misses(), 1u);
  EXPECT_TRUE(stream.kept);
  room.publish(room.publisher, 5);
  EXPECT_EQ(room.ask(receiver, {{106}}).size(), 1u);
  // It moves to another source, and takes this along.
  const Peer other = room.add_publisher();
  room.plane.switch_route(receiver.route, room.plane.add_source(other, room.route_options));
  room.publish(room.publisher);
  EXPECT_FALSE(stream.kept);
  room.publish(other, 3);  // 110..112
  EXPECT_EQ(room.ask(receiver, {{111}}).size(), 1u);
}

TEST(RetransmitRuleTest, AfterASwitchOnlyWhatTheNewSourceSent) {
  Room room;
  auto& receiver = room.add_receiver();
  const Peer other = room.add_publisher();
  room.publish(room.publisher, 5);  // 100..104
  room.plane.switch_route(receiver.route, room.plane.add_source(other, room.route_options));
  room.plane.advance(0.5);
  room.rtp.sequence = 7001;  // the same numbers and SSRC as the first source has
  room.publish(other, 5);    // 105..109
  auto again = room.ask(receiver, {{103, 0b11111}});
  ASSERT_EQ(again.size(), 4u);
  for (const Bytes& packet : again) {
    EXPECT_GE(load_be16(&packet[2]), 105);
    EXPECT_EQ(packet, receiver.got.at(load_be16(&packet[2])));
  }
  EXPECT_EQ(room.misses(), 2u) << "103 and 104 are of the former source";
  // After the switch back, the first source's earlier packets are in the cache, but the deltas have changed.
  room.plane.switch_route(receiver.route, room.source);
  room.rtp.sequence = 7005;
  room.publish(room.publisher, 1);  // 110
  again = room.ask(receiver, {{108, 0b11}});
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0], receiver.got.at(110));
}

TEST(RetransmitRuleTest, WhatNeverCameIsAskedOfThePublisherOnce) {
  Room room;
  for (int i = 0; i < 3; ++i) room.add_receiver();
  room.publish(room.publisher, 2);  // 7000, 7001 -> 100, 101
  std::vector<Bytes> lost;
  for (int i = 0; i < 3; ++i, ++room.rtp.sequence)
    lost.push_back(room.sealed(room.publisher, make_rtp(room.rtp)));
  room.publish(room.publisher, 2);  // 7005, 7006 -> 105, 106
  EXPECT_TRUE(room.ask(room.receivers[0], {{101, 0b1111}}).size() == 2) << "101 and 105 are in the cache";
  ASSERT_EQ(room.others.size(), 1u);
  Oracle to_publisher(room.publisher.from_sluice, true);
  const auto nack = to_publisher.unprotect_rtcp(room.others[0]);
  ASSERT_TRUE(nack && sound_rtcp_length(*nack) == nack->size());
  RtcpItem item;
  for (RtcpWalk walk(*nack);
       walk.next(item) && item.type != static_cast<std::uint8_t>(RtcpType::kTransportFeedback);) {
  }
  ASSERT_EQ(item.body.size(), 12u);
  EXPECT_EQ(load_be32(&item.body[4]), 1000u);
  EXPECT_EQ(load_be16(&item.body[8]), 7002);
  EXPECT_EQ(load_be16(&item.body[10]), 0b11);
  EXPECT_EQ(room.misses(), 3u);
  EXPECT_EQ(room.plane.memory().streams[0].nacks.read(), 1u);
  // Another receiver lost the same packets, but the publisher was asked a moment ago.
  room.ask(room.receivers[1], {{102, 0b11}});
  EXPECT_TRUE(room.others.empty());
  room.plane.advance(0.09);
  room.ask(room.receivers[1], {{102, 0b11}});
  EXPECT_TRUE(room.others.empty());
  room.plane.advance(0.01);
  room.ask(room.receivers[2], {{102, 0b11}});
  EXPECT_EQ(room.others.size(), 1u) << "the packets may be lost again, so the publisher is asked again";
  // The late packets go to all receivers and are in the cache from then on.
  for (const Bytes& packet : lost) room.plane.deliver(room.publisher, packet);
  room.take();
  for (Room::Receiver& receiver : room.receivers) {
    EXPECT_EQ(receiver.got.size(), 7u);
    const auto again = room.ask(receiver, {{103}});
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0], receiver.got.at(103));
  }
}

TEST(RetransmitRuleTest, WhatIsNotKeptAnyMoreCannotBeSent) {
  Room room;  // with a packet cache of 1 MiB
  auto& receiver = room.add_receiver();
  room.rtp.size = 1200;
  for (int i = 0; i < 1000; ++i) {  // 100..1099; the cache holds about 800
    room.publish(room.publisher);
    room.plane.advance(0.002);
  }
  EXPECT_EQ(room.plane.counters().not_kept.read(), 0u);
  EXPECT_TRUE(room.ask(receiver, {{150}}).empty());
  EXPECT_TRUE(room.others.empty()) << "the publisher must not be asked: its packet would be a replay";
  EXPECT_EQ(room.misses(), 1u);
  EXPECT_EQ(room.ask(receiver, {{350}}).size(), 1u);
}

// Of 1 MiB a stream may fill an eighth in 0.25 s.
TEST(RetransmitRuleTest, AStreamWithAHighRateLeavesThePacketsOfOthers) {
  Room room;
  auto& receiver = room.add_receiver();
  room.publish(room.publisher, 5);  // 100..104
  const Peer loud = room.add_publisher();
  const std::uint32_t source = room.plane.add_source(loud, room.route_options);
  RouteOptions options = room.route_options;
  options.ssrc += 100;
  room.plane.add_route(source, receiver.peer, options);
  RtpOptions rtp;
  rtp.ssrc = 2000;
  rtp.size = 1200;
  for (; rtp.sequence < 3000; ++rtp.sequence) {  // 1 s, 3.8 MiB
    room.plane.deliver(loud, room.sealed(loud, make_rtp(rtp)));
    room.plane.drain();
    room.plane.advance(1.0 / 3000);
  }
  room.take();
  EXPECT_EQ(room.ask(receiver, {{102}}).size(), 1u);
  EXPECT_GT(room.plane.counters().not_kept.read(), 2000u);
}

// The publisher would send it again in vain: here it would be a replay.
TEST(RetransmitRuleTest, ARouteWithoutItAsksThePublisherForWhatNeverCameOnly) {
  Room room;
  auto& receiver = room.add_receiver(false);
  room.publish(room.publisher, 3);
  EXPECT_TRUE(room.ask(receiver, {{101}}).empty());
  EXPECT_TRUE(room.others.empty());
  ++room.rtp.sequence;
  room.publish(room.publisher, 1);
  EXPECT_TRUE(room.ask(receiver, {{103}}).empty());
  EXPECT_EQ(room.others.size(), 1u);
  const StreamSlot& stream = room.plane.memory().streams[0];
  EXPECT_TRUE(room.plane.worker().state().cache.locate({0, stream.tenancy.load(), 7001}) == nullptr)
      << "kept although no route retransmits";
  EXPECT_EQ(room.misses(), 2u);
  EXPECT_EQ(room.suppressed() + room.retransmitted(), 0u);
}

TEST(RetransmitRuleTest, TheSamePacketAgainOnlyAfterAWhile) {
  Room room;
  auto& receiver = room.add_receiver();
  room.publish(room.publisher, 50);
  EXPECT_EQ(room.ask(receiver, {{120}}).size(), 1u);
  EXPECT_EQ(room.ask(receiver, {{120}}).size(), 0u);
  EXPECT_EQ(room.ask(receiver, {{120}, {120}, {119, 1}}).size(), 1u) << "119 alone";
  EXPECT_EQ(room.suppressed(), 4u);
  room.plane.advance(0.006);
  EXPECT_EQ(room.ask(receiver, {{120}}).size(), 1u);
}

TEST(RetransmitRuleTest, NoMoreAgainThanWasSentInTheFirstPlace) {
  Room room;
  auto& receiver = room.add_receiver();
  room.publish(room.publisher, 10);
  std::size_t again = 0;
  for (int i = 0; i < 20; ++i) {
    again += room.ask(receiver, {{100, 0b111111111}}).size();
    room.plane.advance(0.1);
  }
  EXPECT_EQ(again, 10u);
  room.publish(room.publisher, 3);
  EXPECT_EQ(room.ask(receiver, {{100, 0b111111111}}).size(), 3u);
  room.publish(room.publisher, 2000);
  room.plane.advance(0.1);
  again = 0;
  for (int i = 0; i < 20; ++i)
    again += room.ask(receiver, {{static_cast<std::uint16_t>(1800 + 17 * i), 0xffff}}).size();
  EXPECT_EQ(again, Retransmit::kCreditMax) << "at most the credit";
}

TEST(RetransmitRuleTest, AStormOfNacksIsBoundedInATurn) {
  Room room;
  for (int i = 0; i < 4; ++i) room.add_receiver();
  room.rtp.size = 300;
  room.publish(room.publisher, 2000);  // 100..2099; the cache holds about 2700
  // Every entry asks for 17 cached packets, so 64 compounds of 300 entries ask for more than 300,000.
  std::vector<Bytes> frames;
  for (std::size_t i = 0; i < kBatch; ++i) {
    Room::Receiver& receiver = room.receivers[i % 4];
    std::vector<Lost> lost;
    for (int n = 0; n < 300; ++n)
      lost.push_back({static_cast<std::uint16_t>(400 + (i * 300 + n) % 95 * 17), 0xffff});
    frames.push_back(room.plane.frame_from(
        receiver.peer,
        receiver.sender->protect_rtcp(nack_about(room.plane.memory().routes[receiver.route].ssrc, lost))));
  }
  room.plane.deliver_frames(frames);
  EXPECT_LE(room.plane.sent().size(), kOutputs);
  EXPECT_GE(room.retransmitted(), kOutputs * 3 / 4);
  EXPECT_EQ(room.retransmitted() + room.suppressed() + room.misses(), 64u * 300 * 17)
      << "each is accounted for";
}

// A turn has a share for each receiver.
TEST(RetransmitRuleTest, ManyNumbersOfOneReceiverDoNotStarveAnother) {
  Room room;
  for (int i = 0; i < 2; ++i) room.add_receiver();
  room.publish(room.publisher, 200);
  auto& honest = room.receivers[1];
  const std::vector<Lost> many(64, {30000, 0xffff});
  std::vector<Bytes> frames;
  for (int i = 0; i < 20; ++i) {
    auto& hostile = room.receivers[0];
    const Bytes nack = nack_about(room.plane.memory().routes[hostile.route].ssrc, many);
    frames.push_back(room.plane.frame_from(hostile.peer, hostile.sender->protect_rtcp(nack)));
  }
  const Bytes one = nack_about(room.plane.memory().routes[honest.route].ssrc, {{150}});
  frames.push_back(room.plane.frame_from(honest.peer, honest.sender->protect_rtcp(one)));
  room.plane.deliver_frames(frames);
  EXPECT_EQ(room.retransmitted(), 1u);
  EXPECT_EQ(room.misses(), Retransmit::kReceiverBurst);
  EXPECT_EQ(room.suppressed(), 20u * 64 * 17 - Retransmit::kReceiverBurst);
}

// In the long run a receiver has its rate, however it spreads its numbers over turns.
TEST(RetransmitRuleTest, AReceiverHasSoManyNumbersASecond) {
  Room room;
  auto& receiver = room.add_receiver();
  room.publish(room.publisher, 10);
  room.plane.advance(1);
  for (int i = 0; i < 1000; ++i) {
    room.ask(receiver, {{30000, 0xffff}});
    room.plane.advance(0.001);
  }
  EXPECT_GE(room.misses(), Retransmit::kReceiverPerSecond);
  EXPECT_LE(room.misses(), Retransmit::kReceiverPerSecond + Retransmit::kReceiverBurst + 17);
}

TEST(RetransmitRuleTest, StrangersNumbersAndBrokenListsGetNothing) {
  Room room;
  auto& receiver = room.add_receiver();
  auto& other = room.add_receiver();
  room.publish(room.publisher, 10);
  EXPECT_TRUE(room.say(receiver, nack_about(1000, {{7001}})).empty()) << "the publisher's SSRC";
  EXPECT_TRUE(room.say(receiver, nack_about(room.plane.memory().routes[other.route].ssrc, {{101}})).empty())
      << "another receiver's SSRC";
  EXPECT_EQ(room.plane.counters().feedback_unmatched.read(), 2u);
  EXPECT_TRUE(room.ask(receiver, {{99}, {50}, {110}, {30000}, {65535, 0xffff}}).empty()) << "never sent";
  EXPECT_TRUE(room.others.empty());
  EXPECT_EQ(room.misses(), 21u);
  for (std::size_t extra = 1; extra < 4; ++extra) {  // the last entry is truncated
    Bytes nack = nack_about(room.plane.memory().routes[receiver.route].ssrc, {{101}, {102}});
    nack.resize(nack.size() - extra);
    EXPECT_TRUE(room.say(receiver, nack).empty());
  }
  EXPECT_TRUE(room.ask(receiver, std::vector<Lost>{}).empty()) << "an empty list";
}

TEST(RetransmitRuleTest, NothingOfAFormerStreamOrRouteIsFound) {
  Room room(SrtpProfile::kAeadAes128Gcm, crypto::EngineKind::kIpsecMb, EndpointKind::kRtp);
  auto& receiver = room.add_receiver();
  room.publish(room.publisher, 5);  // 100..104
  room.ask(receiver, {{30000}});    // so that packets are kept
  // The stream ends, and another begins in its slot with the same SSRC and sequence numbers.
  const StreamSlot& stream = room.plane.memory().streams[0];
  Command forget;
  forget.kind = CommandKind::kStreamIdle;
  forget.ref = {0, stream.tenancy.load()};
  room.plane.command(forget);
  EXPECT_TRUE(room.ask(receiver, {{102}}).empty()) << "no stream feeds the route";
  room.rtp.sequence = 7000;
  room.publish(room.publisher, 5);  // 105..109
  EXPECT_EQ(room.ask(receiver, {{102}, {107}}).size(), 1u);
  // The route ends, and another continues its SSRC.
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {receiver.route, 1};
  room.plane.command(remove);
  room.take();
  EXPECT_TRUE(room.ask(receiver, {{106}}).empty());
  RouteOptions next = room.route_options;
  next.first_index = 110;
  receiver.route = room.plane.add_route(room.source, receiver.peer, next);
  room.publish(room.publisher);  // 110
  room.ask(receiver, {{30000}});
  room.publish(room.publisher);  // 111
  EXPECT_EQ(room.ask(receiver, {{106}, {111}}).size(), 1u);
}

TEST(RetransmitRuleTest, AnEndpointThatIsGoneGetsNothing) {
  Room room;
  auto& receiver = room.add_receiver();
  room.add_receiver();
  room.publish(room.publisher, 5);
  const Bytes nack = receiver.sender->protect_rtcp(nack_about(room.route_options.ssrc, {{102}}));
  Command remove;
  remove.kind = CommandKind::kRemoveEndpoint;
  remove.ref = {receiver.peer.slot, 1};
  room.plane.command(remove);
  room.take();
  room.plane.deliver(receiver.peer, nack);
  EXPECT_TRUE(room.plane.sent().empty());
  EXPECT_EQ(room.plane.drops(DropReason::kNoEndpoint), 1u);
  EXPECT_EQ(room.ask(room.receivers[1], {{102}}).size(), 1u)
      << "packets for other receivers must still be in the cache";
}

}  // namespace
}  // namespace sluice::dataplane::test
