// The answers of neighbors: to good, bad and hostile ARP requests, neighbour solicitations and pings.
#include <random>

#include "controlplane/protocol/neighbor/icmp_echo.h"
#include "tests/controlplane/protocol/neighbors_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

TEST_F(NeighborsTest, AnswersArp) {
  give(Arp{}.frame());
  Bytes expected = ethernet(kPeer, kOurs, 0x0806);
  put(expected,
      {0, 1, 8, 0, 6, 4, 0, 2, 0x02, 0, 0, 0, 0, 1, 198, 18, 0, 1, 0x02, 0, 0, 0, 0, 0x99, 198, 18, 0, 9});
  expected.resize(60);
  EXPECT_EQ(only_frame(), expected);
  // A probe for a free address (RFC 5227), and a unicast poll.
  give(Arp{.sender = ip("0.0.0.0")}.frame());
  EXPECT_EQ(only_frame()[41], 0);
  give(Arp{.to = kOurs}.frame());
  only_frame();
  EXPECT_EQ(neighbors_->counters().arp_answered, 3U);
}

TEST_F(NeighborsTest, IsSilentAboutTheRestOfArp) {
  give(Arp{.target = ip("198.18.0.2")}.frame());
  give(Arp{.to = kThief}.frame());
  EXPECT_EQ(drops(NeighborDrop::kNotForUs), 2U);
  give(Arp{.vlan = 7}.frame());
  EXPECT_EQ(drops(NeighborDrop::kOtherVlan), 1U);
  give(Arp{.sender = ip("198.18.0.1")}.frame());
  EXPECT_EQ(neighbors_->counters().conflicts, 1U);
  only_frame();
  give(Arp{.sender = ip("224.0.0.1")}.frame());
  give(Arp{.sender = ip("198.18.0.255")}.frame());
  give(Arp{.sender_mac = kBroadcastMac}.frame());
  give(Arp{.sender_mac = {}}.frame());
  EXPECT_EQ(drops(NeighborDrop::kBadSource), 5U);
  const Bytes good = Arp{}.frame();
  for (const std::size_t i : {14U, 15U, 16U, 17U, 18U, 19U, 20U, 21U}) {
    Bytes odd = good;
    odd[i] ^= 0x10;
    give(odd);
  }
  EXPECT_EQ(drops(NeighborDrop::kMalformed), 8U);
  neighbors_->on_frame(9, good, now_);
  EXPECT_EQ(drops(NeighborDrop::kUnknownPort), 1U);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(NeighborsTest, EveryTruncationIsHarmless) {
  Icmp6 echo{.message = ping6_message(20)};
  for (const Bytes& whole :
       {Arp{}.frame(), solicitation().frame(), ping4("198.18.0.9", "198.18.0.1", 20), echo.frame()}) {
    for (std::size_t length = 0; length < whole.size(); ++length)
      give(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    EXPECT_TRUE(sent_.empty());
    give(whole);
    only_frame();
  }
}

TEST_F(NeighborsTest, FlippedBytesAndNoiseAreHarmless) {
  std::mt19937 random(5);
  Icmp6 advertisement{.message = nd_message(136, 0x60, "2001:db8::9", 2, kPeer)};
  const std::vector<Bytes> seeds{Arp{}.frame(), solicitation().frame(), advertisement.frame(),
                                 ping4("198.18.0.9", "198.18.0.1", 20)};
  for (const Bytes& seed : seeds)
    for (std::size_t i = 0; i < seed.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        Bytes flipped = seed;
        flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1 << bit));
        give(flipped);
      }
  for (int round = 0; round < 20000; ++round) {
    Bytes noise = seeds[random() % seeds.size()];
    noise.resize(14 + random() % (noise.size() - 13));
    for (int i = 0; i < 3; ++i)
      noise[12 + random() % (noise.size() - 12)] = static_cast<std::uint8_t>(random());
    give(noise);
  }
  EXPECT_TRUE(resolved_.empty());
  EXPECT_EQ(neighbors_->table().size(), 0U);
}

TEST_F(NeighborsTest, SpeaksItsVlan) {
  NeighborPort port = test_port();
  port.vlan = 0x123;
  make(port);
  give(Arp{}.frame());
  EXPECT_TRUE(sent_.empty());
  give(Arp{.vlan = 0x123}.frame());
  const Bytes reply = only_frame();
  EXPECT_EQ(Bytes(reply.begin() + 12, reply.begin() + 18), (Bytes{0x81, 0, 0x01, 0x23, 0x08, 0x06}));
}

TEST_F(NeighborsTest, AnswersSolicitations) {
  give(solicitation().frame());
  Icmp6 expected{.message = nd_message(136, 0x60, "2001:db8::1", 2, kOurs)};
  expected.source = ip("2001:db8::1");
  expected.destination = ip("2001:db8::9");
  expected.to = kPeer;
  expected.from = kOurs;
  EXPECT_EQ(only_frame(), expected.frame());
  // A solicitation for the link-local address, and a unicast solicitation without the option.
  give(solicitation("fe80::ff:fe00:1").frame());
  only_frame();
  Icmp6 poll{.message = nd_message(135, 0, "2001:db8::1")};
  give(poll.frame());
  EXPECT_EQ(only_frame(), expected.frame());
}

TEST_F(NeighborsTest, TellsADuplicateAddressProbeThatItsAddressIsTaken) {
  Icmp6 probe = solicitation();
  probe.source = ip("::");
  probe.message = nd_message(135, 0, "2001:db8::1");
  give(probe.frame());
  Icmp6 expected{.message = nd_message(136, 0x20, "2001:db8::1", 2, kOurs)};
  expected.source = ip("2001:db8::1");
  expected.destination = ip("ff02::1");
  expected.to = {0x33, 0x33, 0, 0, 0, 1};
  expected.from = kOurs;
  EXPECT_EQ(only_frame(), expected.frame());
  // RFC 4861 7.1.1: a probe has no link-layer address and does not go to a unicast address.
  probe.message = nd_message(135, 0, "2001:db8::1", 1, kPeer);
  give(probe.frame());
  probe.message = nd_message(135, 0, "2001:db8::1");
  probe.destination = ip("2001:db8::1");
  give(probe.frame());
  EXPECT_EQ(drops(NeighborDrop::kMalformed), 2U);
}

TEST_F(NeighborsTest, DiscardsSolicitationsThatTheRfcDiscards) {
  Icmp6 bad = solicitation();
  bad.hop_limit = 254;
  give(bad.frame());
  bad = solicitation();
  bad.good_checksum = false;
  give(bad.frame());
  bad = solicitation();
  bad.message[1] = 1;  // code
  give(bad.frame());
  bad = solicitation();
  bad.message[25] = 0;  // option of length 0
  give(bad.frame());
  bad = solicitation();
  bad.message[25] = 2;  // option longer than the message
  give(bad.frame());
  bad = solicitation();
  bad.message.resize(23);
  give(bad.frame());
  bad = solicitation();
  bad.source = ip("ff02::1");
  give(bad.frame());
  EXPECT_EQ(drops(NeighborDrop::kMalformed), 7U);
  give(solicitation("2001:db8::2").frame());
  EXPECT_EQ(drops(NeighborDrop::kNotForUs), 1U);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(NeighborsTest, AnswersPings) {
  for (const std::size_t data : {0U, 1U, 56U, 1472U}) {
    give(ping4("198.18.0.9", "198.18.0.1", data));
    Bytes expected = ping4("198.18.0.1", "198.18.0.9", data);
    expected.resize(std::max<std::size_t>(60, expected.size()));
    const Bytes reply = only_frame();
    ASSERT_EQ(reply.size(), expected.size());
    EXPECT_EQ(Bytes(reply.begin(), reply.begin() + 6), Bytes(kPeer.begin(), kPeer.end()));
    dataplane::Frame frame;
    ASSERT_FALSE(dataplane::parse_frame(reply, frame));
    EXPECT_EQ(dataplane::source_ip(reply, frame), ip("198.18.0.1"));
    EXPECT_EQ(dataplane::destination_ip(reply, frame), ip("198.18.0.9"));
    Bytes icmp(reply.begin() + frame.l4_offset, reply.begin() + frame.l4_offset + frame.l4_length);
    EXPECT_EQ(icmp[0], 0);
    EXPECT_EQ(plain_checksum(icmp), 0);
    EXPECT_TRUE(std::equal(icmp.begin() + 4, icmp.end(), expected.begin() + 38));
  }
  Icmp6 request{.message = ping6_message(56)};
  request.hop_limit = 3;
  give(request.frame());
  Icmp6 expected{.message = ping6_message(56)};
  expected.message[0] = 129;
  expected.source = ip("2001:db8::1");
  expected.destination = ip("2001:db8::9");
  expected.to = kPeer;
  expected.from = kOurs;
  expected.hop_limit = 64;
  EXPECT_EQ(only_frame(), expected.frame());
}

TEST_F(NeighborsTest, IsSilentToPingsThatCouldBeTurnedAgainstOthers) {
  for (const char* source :
       {"198.18.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "198.18.0.1"})
    give(ping4(source, "198.18.0.1", 8));
  Icmp6 from_group{.message = ping6_message(8)};
  from_group.source = ip("ff02::1");
  give(from_group.frame());
  EXPECT_EQ(drops(NeighborDrop::kBadSource), 7U);
  give(ping4("198.18.0.9", "198.18.0.255", 8));
  give(ping4("198.18.0.9", "198.18.0.1", 8, kBroadcastMac));
  Icmp6 to_group{.message = ping6_message(8)};
  to_group.destination = ip("ff02::1");
  to_group.to = {0x33, 0x33, 0, 0, 0, 1};
  give(to_group.frame());
  EXPECT_EQ(drops(NeighborDrop::kNotForUs), 3U);
  give(ping4("198.18.0.9", "198.18.0.1", kMaxEchoBytes - 8 + 1));
  Bytes damaged = ping4("198.18.0.9", "198.18.0.1", 8);
  damaged.back() ^= 1;
  give(damaged);
  Bytes reply = ping4("198.18.0.9", "198.18.0.1", 8);
  reply[34] = 0;
  give(reply);
  EXPECT_EQ(drops(NeighborDrop::kUnknownType), 3U);
  EXPECT_TRUE(sent_.empty());
}

MacAddress station(int n) {
  return {0x02, 0, 0, 7, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
}

TEST_F(NeighborsTest, AnswersABoundedNumberASecond) {
  // One station gets its own share, and leaves the rest to others.
  for (int i = 0; i < 5000; ++i) give(ping4("198.18.0.9", "198.18.0.1", 8));
  for (int i = 0; i < 5000; ++i) give(Arp{}.frame());
  EXPECT_EQ(neighbors_->counters().echo_answered, 50U);
  EXPECT_EQ(neighbors_->counters().arp_answered, 50U);
  EXPECT_EQ(drops(NeighborDrop::kRateLimited), 2 * 4950U);
  give(Arp{.sender_mac = station(1), .sender = ip("198.18.0.10")}.frame());
  EXPECT_EQ(neighbors_->counters().arp_answered, 51U);
  // All of them together have a bound too.
  for (int n = 0; n < 5000; ++n) {
    give(Arp{.sender_mac = station(n), .sender = ip("198.18.0.11")}.frame());
    give(ping4("198.18." + std::to_string(1 + n / 250) + "." + std::to_string(1 + n % 250), "198.18.0.1", 8));
  }
  EXPECT_EQ(neighbors_->counters().arp_answered, 1000U);
  EXPECT_EQ(neighbors_->counters().echo_answered, 200U);
  now_ += 1s;
  give(ping4("198.18.0.9", "198.18.0.1", 8));
  give(Arp{}.frame());
  EXPECT_EQ(neighbors_->counters().echo_answered, 201U);
  EXPECT_EQ(neighbors_->counters().arp_answered, 1001U);
}

TEST_F(NeighborsTest, AFloodFromMadeUpStationsLeavesAnswersForKnownOnes) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  neighbors_->resolve(kPort, ip("2001:db8::9"), now_);
  give(Icmp6{.message = nd_message(136, 0x60, "2001:db8::9", 2, kPeer)}.frame());
  sent_.clear();
  for (int i = 0; i < 70000; ++i) give(Arp{.sender_mac = station(i), .sender = ip("198.18.0.77")}.frame());
  EXPECT_LE(neighbors_->counters().arp_answered, 1000U);
  sent_.clear();
  give(Arp{.sender = ip("198.18.0.254")}.frame());
  EXPECT_EQ(only_frame()[21], 2) << "the gateway gets a reply";
  give(solicitation().frame());
  only_frame();
  // A flood in the gateway's name uses up the share of known stations, no more.
  for (int i = 0; i < 70000; ++i) give(Arp{.sender = ip("198.18.0.254")}.frame());
  EXPECT_LE(neighbors_->counters().arp_answered, 2100U);
}

TEST_F(NeighborsTest, DefendsItsAddressesOnceIn10Seconds) {
  const Arp duplicate{.sender_mac = kThief, .sender = ip("198.18.0.1"), .target = ip("198.18.0.1")};
  give(duplicate.frame());
  Bytes defence = ethernet(kBroadcastMac, kOurs, 0x0806);
  put(defence, {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0, 0, 0, 1, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 1});
  defence.resize(60);
  EXPECT_EQ(only_frame(), defence);
  ASSERT_EQ(conflicts_.size(), 1U);
  EXPECT_EQ(conflicts_[0], (std::pair<std::string, MacAddress>("198.18.0.1", kThief)));
  for (int i = 0; i < 99; ++i) {
    now_ += 100ms;
    give(duplicate.frame());
  }
  EXPECT_TRUE(sent_.empty()) << "two such servers would otherwise answer each other for ever";
  EXPECT_EQ(neighbors_->conflicts(kPort), 100U);
  now_ += 100ms;
  give(duplicate.frame());
  only_frame();
  EXPECT_EQ(conflicts_.size(), 2U);
  // Another address has an interval of its own.
  give(Icmp6{.message = nd_message(136, 0x20, "2001:db8::1", 2, kThief), .from = kThief}.frame());
  Icmp6 advertisement{.message = nd_message(136, 0x20, "2001:db8::1", 2, kOurs)};
  advertisement.source = ip("2001:db8::1");
  advertisement.destination = ip("ff02::1");
  advertisement.to = {0x33, 0x33, 0, 0, 0, 1};
  advertisement.from = kOurs;
  EXPECT_EQ(only_frame(), advertisement.frame());
  EXPECT_EQ(conflicts_.size(), 3U);
  EXPECT_EQ(neighbors_->counters().defended, 3U);
}

}  // namespace
}  // namespace sluice::control
