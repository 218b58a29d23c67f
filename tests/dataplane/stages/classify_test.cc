// classify: each frame is media, a punt or a named drop, and no input from outside does harm.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

struct Plane : Harness {
  std::uint64_t dropped() {
    std::uint64_t sum = 0;
    for (const Counter& drop : counters().drops) sum += drop.read();
    return sum;
  }
};

Bytes stun() {
  return Bytes{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
}

TEST(ClassifyTest, FirstByteDecides) {
  Plane plane;
  PeerOptions options;
  options.kind = EndpointKind::kWebrtc;
  const Peer peer = plane.add_peer(options);
  for (int first = 0; first < 256; ++first) {
    Bytes payload(40, static_cast<std::uint8_t>(first));
    plane.deliver(peer, payload);
    const auto punts = plane.punts();
    if (first <= 3 || (first >= 20 && first <= 63)) {
      ASSERT_EQ(punts.size(), 1u) << first;
      EXPECT_EQ(punts[0].kind, first <= 3 ? PuntKind::kStun : PuntKind::kDtls);
      EXPECT_EQ(punts[0].endpoint, (SlotRef{peer.slot, 1}));
      free_punt(punts[0]);
    } else {
      EXPECT_TRUE(punts.empty()) << first;
    }
  }
  EXPECT_EQ(plane.drops(DropReason::kUnknownProtocol), 256u - 4 - 44 - 64);
}

TEST(ClassifyTest, StunAndDtlsAreNothingToAPlainEndpoint) {
  Plane plane;
  const Peer peer = plane.add_peer();
  plane.deliver(peer, stun());
  plane.deliver(peer, Bytes(40, 22));
  EXPECT_EQ(plane.drops(DropReason::kUnknownProtocol), 2u);
}

TEST(ClassifyTest, SharedPortKnowsBoundSendersOnly) {
  Plane plane;
  Peer anyone;
  anyone.local = {kOurMac, {kOurIp, 3478}};
  anyone.remote = {{2, 0, 0, 0, 9, 9}, {config::IpAddress::v4(198, 18, 7, 7), 777}};
  plane.deliver(anyone, stun());
  auto punts = plane.punts();
  ASSERT_EQ(punts.size(), 1u);
  EXPECT_FALSE(punts[0].endpoint.valid());
  free_punt(punts[0]);
  plane.deliver(anyone, Bytes(40, 22));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 1u);

  EndpointSlot& slot = plane.memory().endpoints[9];
  slot.generation = 4;
  slot.kind = EndpointKind::kWebrtc;
  slot.encrypted = slot.rtcp_mux = slot.shared_port = true;
  slot.port_id = plane.worker().state().ports[0].id;
  slot.local = anyone.local;
  slot.rtcp_port = 3478;
  slot.max_streams = 4;
  Command command;
  command.kind = CommandKind::kInstallEndpoint;
  command.ref = {9, 4};
  plane.command(command);
  command.kind = CommandKind::kBindTuple;
  command.tuple = {anyone.remote.address, 3478};
  plane.command(command);
  plane.deliver(anyone, Bytes(40, 22));
  punts = plane.punts();
  ASSERT_EQ(punts.size(), 1u);
  EXPECT_EQ(punts[0].endpoint, (SlotRef{9, 4}));
  free_punt(punts[0]);
  command.kind = CommandKind::kUnbindTuple;
  plane.command(command);
  plane.deliver(anyone, Bytes(40, 22));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 2u);

  command.kind = CommandKind::kBindTuple;
  plane.command(command);
  Command remove;
  remove.kind = CommandKind::kRemoveEndpoint;
  remove.ref = {9, 4};
  plane.command(remove);
  plane.deliver(anyone, Bytes(40, 22));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 3u)
      << "a 5-tuple of a removed endpoint must lead to no endpoint";
}

Command command_of(CommandKind kind, SlotRef ref) {
  Command command;
  command.kind = kind;
  command.ref = ref;
  return command;
}

Peer at(const config::IpAddress& local, const config::IpAddress& remote, std::uint16_t udp_port) {
  Peer peer;
  peer.local = {kOurMac, {local, udp_port}};
  peer.remote = {{2, 0, 0, 0, 9, 9}, {remote, 777}};
  return peer;
}

// The same UDP port of another address is another place.
TEST(ClassifyTest, EachAddressHasItsOwnUdpPorts) {
  Plane plane;
  const auto four = config::IpAddress::v4(198, 18, 7, 7);
  const auto six = *config::IpAddress::parse("2001:db8::7");
  const std::vector<Peer> peers{at(kOurIp, four, 30000),
                                at(*config::IpAddress::parse("2001:db8::1"), six, 30000),
                                at(config::IpAddress::v4(198, 18, 0, 2), four, 30000)};
  for (std::uint32_t i = 0; i < peers.size(); ++i) {
    plane.deliver(peers[i], make_rtp({}));
    EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), i + 1) << "installed at " << i << " addresses only";
    EndpointSlot& slot = plane.memory().endpoints[i];
    slot.generation = 1;
    slot.kind = EndpointKind::kRtp;
    slot.latch = LatchPolicy::kOnce;
    slot.rtcp_mux = true;
    slot.port_id = plane.worker().state().ports[0].id;
    slot.local = peers[i].local;
    slot.rtcp_port = 30000;
    slot.max_streams = 4;
    plane.command(command_of(CommandKind::kInstallEndpoint, {i, 1}));
  }
  for (std::uint32_t i = 0; i < peers.size(); ++i)
    for (std::uint32_t packets = 0; packets <= i; ++packets)
      plane.deliver(peers[i], make_rtp({.sequence = static_cast<std::uint16_t>(packets)}));
  for (std::uint32_t i = 0; i < peers.size(); ++i)
    EXPECT_EQ(plane.memory().endpoints[i].packets_received.read(), i + 1);
  plane.command(command_of(CommandKind::kRemoveEndpoint, {0, 1}));
  for (const Peer& peer : peers) plane.deliver(peer, make_rtp({.sequence = 10}));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 4u);
  EXPECT_EQ(plane.memory().endpoints[2].packets_received.read(), 4u);
}

TEST(ClassifyTest, NeighbourTrafficIsPunted) {
  Plane plane;
  Bytes arp(60);
  std::fill_n(arp.begin(), 6, std::uint8_t{0xff});
  store_be16(&arp[12], kEtherTypeArp);
  plane.deliver_frame(arp);
  auto punts = plane.punts();
  ASSERT_EQ(punts.size(), 1u);
  EXPECT_EQ(punts[0].kind, PuntKind::kArp);
  EXPECT_EQ(punt_frame(punts[0]).size(), 60u);
  free_punt(punts[0]);
}

// An IPv4 ping to our address.
Bytes ping(std::uint32_t from) {
  Bytes frame(14 + 20 + 8);
  std::copy(kOurMac.begin(), kOurMac.end(), frame.begin());
  store_be16(&frame[12], kEtherTypeIpv4);
  frame[14] = 0x45;
  store_be16(&frame[16], 28);
  frame[22] = 64;
  frame[23] = kIpProtoIcmp;
  frame[26] = 198;
  frame[27] = 19;
  store_be16(&frame[28], static_cast<std::uint16_t>(from));
  std::copy_n(kOurIp.bytes.begin(), 4, frame.begin() + 30);
  store_be16(&frame[24], checksum_finish(checksum_add(std::span(frame).subspan(14, 20))));
  frame[34] = 8;
  return frame;
}

Bytes arp() {
  Bytes frame(60);
  std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  store_be16(&frame[12], kEtherTypeArp);
  return frame;
}

class PuntFlood : public ::testing::Test {
 protected:
  PuntFlood() {
    PeerOptions options;
    options.kind = EndpointKind::kWebrtc;
    peer_ = plane_.add_peer(options);
    other_ = plane_.add_peer(options);
  }
  ~PuntFlood() override {
    for (const Punt& punt : plane_.punts()) free_punt(punt);
  }
  // STUN from an address that the endpoint does not send to.
  void stranger(const Peer& to, std::uint32_t n) {
    Peer sender = to;
    sender.remote.address.ip =
        config::IpAddress::v4(198, 19, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n));
    plane_.deliver(sender, stun());
  }
  PuntRings& rings() { return plane_.memory().punts; }
  // Each class still gets a packet through.
  void expect_others(const SpscRing<Punt>* full) {
    const std::size_t before = rings().size();
    std::size_t expected = 0;
    const auto give = [&](const SpscRing<Punt>& ring, const auto& deliver) {
      deliver();
      if (&ring != full) ++expected;
      EXPECT_EQ(rings().size() - before, expected);
    };
    give(rings().peers, [&] { plane_.deliver(peer_, stun()); });
    give(rings().strangers, [&] { stranger(other_, 77); });
    give(rings().link, [&] { plane_.deliver_frame(arp()); });
    give(rings().echoes, [&] { plane_.deliver_frame(ping(7)); });
  }

  Plane plane_;
  Peer peer_, other_;
};

TEST_F(PuntFlood, OfPingsDisplacesNothingElse) {
  for (std::uint32_t i = 0; i < 5000; ++i) plane_.deliver_frame(ping(i));
  EXPECT_EQ(rings().echoes.size(), 128u);
  EXPECT_EQ(plane_.drops(DropReason::kPuntRingFull), 5000u - 128);
  expect_others(&rings().echoes);
}

TEST_F(PuntFlood, OfArpDisplacesNothingElse) {
  for (int i = 0; i < 5000; ++i) plane_.deliver_frame(arp());
  EXPECT_EQ(rings().link.size(), 512u);
  expect_others(&rings().link);
}

TEST_F(PuntFlood, OfMadeUpSourcesLeavesConsentOfPeersAlone) {
  for (std::uint32_t i = 0; i < 20000; ++i) stranger(i % 2 == 0 ? peer_ : other_, i);
  EXPECT_LE(rings().strangers.size(), 512u + 2 * PuntShares::kPerWindow + 1);
  EXPECT_EQ(rings().peers.size(), 0u);
  for (int i = 0; i < 100; ++i) plane_.deliver(peer_, stun());
  EXPECT_EQ(rings().peers.size(), 100u) << "checks of the peer's own address";
  expect_others(&rings().strangers);
}

TEST_F(PuntFlood, ToOneEndpointLeavesStrangersOfAnother) {
  for (std::uint32_t i = 0; i < 20000; ++i) stranger(peer_, i);
  const std::size_t before = rings().strangers.size();
  EXPECT_LE(before, 512u + PuntShares::kPerWindow + 1);
  stranger(other_, 3);
  EXPECT_EQ(rings().strangers.size(), before + 1) << "a new caller's first check";
}

TEST_F(PuntFlood, OfOneSourceLeavesOthersAShareAndEndsWithTheWindow) {
  Peer shared;  // the worker's shared port
  shared.local = {kOurMac, {kOurIp, 3478}};
  for (std::uint32_t i = 0; i < 20000; ++i) stranger(shared, 5);
  const std::size_t before = rings().strangers.size();
  EXPECT_LE(before, 512u + PuntShares::kPerWindow + 1);
  stranger(shared, 6);
  EXPECT_EQ(rings().strangers.size(), before + 1);
  stranger(shared, 5);
  EXPECT_EQ(rings().strangers.size(), before + 1);
  plane_.advance(0.2);
  stranger(shared, 5);
  EXPECT_EQ(rings().strangers.size(), before + 2);
}

TEST(ClassifyTest, OtherAddressesMacsPortsAndVlansAreNotOurs) {
  Plane plane;
  const Peer peer = plane.add_peer();
  Peer wrong = peer;
  wrong.local.address.ip = config::IpAddress::v4(198, 18, 0, 3);
  plane.deliver(wrong, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNotForUs), 1u);
  wrong = peer;
  wrong.local.mac[5] = 99;
  plane.deliver(wrong, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNotForUs), 2u);
  wrong = peer;
  wrong.local.address.port = 39999;
  plane.deliver(wrong, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 1u);
  wrong = peer;  // the right port of the other address family
  wrong.local.address.ip = *config::IpAddress::parse("2001:db8::1");
  wrong.remote.address.ip = *config::IpAddress::parse("2001:db8::5");
  plane.deliver(wrong, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 2u);
  Bytes tagged = plane.frame_from(peer, make_rtp({}));
  tagged.insert(tagged.begin() + 12, {0x81, 0, 0, 5});
  plane.deliver_frame(tagged);
  EXPECT_EQ(plane.drops(DropReason::kBadEthernet), 1u);
}

TEST(ClassifyTest, PlainMediaWithAWrongChecksumIsDropped) {
  Plane plane;
  const Peer peer = plane.add_peer();
  Bytes frame = plane.frame_from(peer, make_rtp({}));
  frame.back() ^= 1;
  plane.deliver_frame(frame);
  EXPECT_EQ(plane.drops(DropReason::kBadUdp), 1u);
}

TEST(ClassifyTest, TruncatedAtEachLengthIsADropAndNothingElse) {
  for (const bool v6 : {false, true}) {
    for (const EndpointKind kind : {EndpointKind::kRtp, EndpointKind::kWebrtc}) {
      Plane plane;
      PeerOptions options;
      options.kind = kind;
      options.v6 = v6;
      const Peer peer = plane.add_peer(options);
      const Bytes rtcp{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                       0,    0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
      for (const Bytes& payload : {make_rtp({}), stun(), rtcp, Bytes(60, 22)}) {
        const Bytes frame = plane.frame_from(peer, payload);
        for (std::size_t length = 0; length < frame.size(); ++length) {
          plane.deliver_frame(std::span(frame).first(length));
          EXPECT_TRUE(plane.punts().empty()) << "a frame cut to " << length << " of " << frame.size();
        }
      }
      EXPECT_EQ(plane.counters().forwarded.read() + plane.counters().consumed.read(), 0u);
      EXPECT_EQ(plane.dropped(), plane.counters().received.read());
    }
  }
}

TEST(ClassifyTest, ShortDatagramsOfEachKindAreHandled) {
  Plane plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer secure = plane.add_peer(options);
  const Peer plain = plane.add_peer();
  for (const Peer& peer : {secure, plain}) {
    for (const std::uint8_t second : {96, 200, 201}) {
      for (std::size_t length = 0; length < 64; ++length) {
        Bytes payload(length, 0);
        if (length > 0) payload[0] = 0x80;
        if (length > 1) payload[1] = second;
        plane.deliver(peer, payload);
      }
    }
  }
  EXPECT_EQ(plane.dropped() + plane.counters().consumed.read(), plane.counters().received.read());
}

TEST(ClassifyTest, RandomAndMutatedFramesKeepTheLedgerClosed) {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const auto seed =
      given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  SCOPED_TRACE("SLUICE_TEST_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  Plane plane;
  PeerOptions options;
  options.kind = EndpointKind::kWebrtc;
  options.mid_extension_id = 3;
  const Peer peer = plane.add_peer(options);
  const Peer plain = plane.add_peer();
  RouteOptions route;
  plane.add_route(plane.add_source(plain, route), peer, route);
  for (int i = 0; i < 20000; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<std::uint16_t>(i);
    rtp.extension = {0xbe, 0xde, 0, 1, 0x31, 1, 2, 0};
    Bytes frame =
        plane.frame_from(random() % 2 != 0 ? peer : plain, random() % 4 == 0 ? stun() : make_rtp(rtp));
    const unsigned flips = random() % 6;
    for (unsigned k = 0; k < flips; ++k) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    plane.deliver_frame(frame);
    for (const Punt& punt : plane.punts()) free_punt(punt);
    if (i % 64 == 0) plane.sent();
    if (i % 1000 == 0) plane.notes();
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
