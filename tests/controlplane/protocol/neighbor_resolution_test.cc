// The requests of neighbors: next hops, retries, refreshes, claims of other stations, the bound of the table.
#include "tests/controlplane/protocol/neighbors_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

class NeighborResolution : public NeighborsTest {};

TEST_F(NeighborResolution, FindsTheNextHop) {
  const auto hop = [&](std::string_view to) {
    const auto found = neighbors_->next_hop(kPort, ip(to));
    return found ? found->to_string() : std::string("none");
  };
  EXPECT_EQ(hop("198.18.0.77"), "198.18.0.77");
  EXPECT_EQ(hop("198.18.1.77"), "198.18.0.254");
  EXPECT_EQ(hop("2001:db8::77"), "2001:db8::77");
  EXPECT_EQ(hop("2001:db8:1::77"), "2001:db8::fe");
  EXPECT_EQ(hop("fe80::77"), "fe80::77");
  for (const char* nowhere : {"198.18.0.1", "198.18.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0",
                              "127.0.0.1", "2001:db8::1", "ff02::1", "::", "fe80::ff:fe00:1"})
    EXPECT_EQ(hop(nowhere), "none") << nowhere;
  EXPECT_FALSE(neighbors_->next_hop(9, ip("198.18.0.77")));
  NeighborPort port = test_port();
  port.gateway.reset();
  port.addresses.pop_back();
  port.gateway6.reset();
  make(port);
  EXPECT_EQ(hop("198.18.1.77"), "none");
  EXPECT_EQ(hop("fe80::77"), "none");
}

TEST_F(NeighborResolution, ResolvesOverArp) {
  EXPECT_FALSE(neighbors_->resolve(kPort, ip("198.18.1.77"), now_));  // through the gateway
  Bytes expected = ethernet(kBroadcastMac, kOurs, 0x0806);
  put(expected,
      {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0, 0, 0, 1, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 254});
  expected.resize(60);
  EXPECT_EQ(only_frame(), expected);
  EXPECT_FALSE(neighbors_->resolve(kPort, ip("198.18.1.78"), now_));
  EXPECT_TRUE(sent_.empty()) << "one request for one next hop";
  answer("198.18.0.254");
  ASSERT_EQ(resolved_.size(), 1U);
  EXPECT_EQ(resolved_[0], (std::pair<std::string, MacAddress>("198.18.0.254", kPeer)));
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.18.1.77"), now_), kPeer);
  answer("198.18.0.254");
  EXPECT_EQ(resolved_.size(), 1U);
}

TEST_F(NeighborResolution, ResolvesOverNeighbourDiscovery) {
  EXPECT_FALSE(neighbors_->resolve(kPort, ip("2001:db8::9"), now_));
  Icmp6 expected{.message = nd_message(135, 0, "2001:db8::9", 1, kOurs)};
  expected.source = ip("2001:db8::1");
  expected.destination = ip("ff02::1:ff00:9");
  expected.to = {0x33, 0x33, 0xff, 0, 0, 9};
  expected.from = kOurs;
  EXPECT_EQ(only_frame(), expected.frame());
  // An unsolicited advertisement, one about another address and damaged ones: none is the answer.
  Icmp6 advertisement{.message = nd_message(136, 0x20, "2001:db8::9", 2, kThief)};
  give(advertisement.frame());
  advertisement.message = nd_message(136, 0x60, "2001:db8::8", 2, kThief);
  give(advertisement.frame());
  advertisement.message = nd_message(136, 0x60, "2001:db8::9", 2, kThief);
  advertisement.hop_limit = 254;
  give(advertisement.frame());
  advertisement.hop_limit = 255;
  advertisement.destination = ip("ff02::1");
  give(advertisement.frame());
  EXPECT_TRUE(resolved_.empty());
  advertisement.destination = ip("2001:db8::1");
  advertisement.message = nd_message(136, 0x60, "2001:db8::9", 2, kPeer);
  give(advertisement.frame());
  EXPECT_EQ(neighbors_->resolve(kPort, ip("2001:db8::9"), now_), kPeer);
  ASSERT_EQ(resolved_.size(), 1U);
}

TEST_F(NeighborResolution, AsksThreeTimesThenRestsThenAsksAgain) {
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  EXPECT_EQ(sent_.size(), 1U);
  run(900ms);
  EXPECT_EQ(sent_.size(), 1U);
  run(2000ms);
  EXPECT_EQ(sent_.size(), 3U);
  run(1000ms);  // the resolution fails after 3 s
  for (int i = 0; i < 10; ++i) neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  run(3500ms);
  EXPECT_EQ(sent_.size(), 3U) << "a failed resolution must not be repeated at once";
  answer("198.18.0.9");
  EXPECT_TRUE(resolved_.empty()) << "no request is open";
  run(2000ms);
  EXPECT_GE(sent_.size(), 4U) << "the resolution must begin again by itself";
  answer("198.18.0.9");
  EXPECT_EQ(resolved_.size(), 1U);
}

TEST_F(NeighborResolution, RefreshesByAskingTheStationItself) {
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  answer("198.18.0.9");
  sent_.clear();
  run(29s);
  EXPECT_TRUE(sent_.empty());
  run(1100ms);
  const Bytes poll = only_frame();
  EXPECT_TRUE(std::equal(kPeer.begin(), kPeer.end(), poll.begin()));
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.18.0.9"), now_), kPeer) << "valid until the poll fails";
  answer("198.18.0.9");
  run(20s);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(NeighborResolution, FollowsAStationThatMoved) {
  neighbors_->resolve(kPort, ip("198.18.0.254"), now_);
  answer("198.18.0.254");
  sent_.clear();
  run(30s + 3s);  // two polls without an answer, then a broadcast
  ASSERT_GE(sent_.size(), 3U);
  EXPECT_TRUE(std::equal(kBroadcastMac.begin(), kBroadcastMac.end(), sent_[2].begin()));
  const MacAddress moved{0x02, 0, 0, 0, 0, 0x77};
  answer("198.18.0.254", moved);
  ASSERT_EQ(resolved_.size(), 2U);
  EXPECT_EQ(resolved_[1].second, moved);
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.18.9.9"), now_), moved);
}

TEST_F(NeighborResolution, ALiveGatewayIsNotTalkedAway) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  sent_.clear();
  now_ += 5s;
  answer("198.18.0.254", kThief);  // an unsolicited reply
  EXPECT_EQ(resolved_.size(), 1U);
  const Bytes poll = only_frame();  // a poll of the known station
  EXPECT_TRUE(std::equal(kPeer.begin(), kPeer.end(), poll.begin()));
  answer("198.18.0.254", kThief);  // a request is open, but not to the attacker
  answer("198.18.0.254");
  answer("198.18.0.254", kThief);
  give(Arp{.sender_mac = kThief, .sender = ip("198.18.0.254"), .target = ip("198.18.0.254")}
           .frame());                                                     // gratuitous
  give(Arp{.sender_mac = kThief, .sender = ip("198.18.0.254")}.frame());  // a request with its address
  EXPECT_EQ(resolved_.size(), 1U);
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.19.0.1"), now_), kPeer);
  // The attacker repeats its claim often, but the gateway is polled only once a second.
  sent_.clear();
  for (int i = 0; i < 1000; ++i) {
    now_ += 10ms;
    neighbors_->tick(now_);
    answer("198.18.0.254", kThief);
    if (!sent_.empty() && std::equal(kPeer.begin(), kPeer.end(), sent_.back().begin()))
      answer("198.18.0.254");
  }
  const auto polls = std::count_if(sent_.begin(), sent_.end(), [](const Bytes& frame) {
    return std::equal(kPeer.begin(), kPeer.end(), frame.begin());
  });
  EXPECT_GE(polls, 9);
  EXPECT_LE(polls, 11);
  EXPECT_EQ(resolved_.size(), 1U);
}

TEST_F(NeighborResolution, ALiveGatewayIsNotAdvertisedAway) {
  neighbors_->resolve(kPort, ip("2001:db8:9::1"), now_);
  Icmp6 advertisement{.message = nd_message(136, 0x60, "2001:db8::fe", 2, kPeer)};
  give(advertisement.frame());
  ASSERT_EQ(resolved_.size(), 1U);
  now_ += 5s;
  sent_.clear();
  advertisement.from = kThief;
  for (const int flags : {0x20, 0x60, 0xe0}) {
    advertisement.message = nd_message(136, flags, "2001:db8::fe", 2, kThief);
    give(advertisement.frame());
  }
  EXPECT_EQ(resolved_.size(), 1U);
  const Bytes poll = only_frame();
  EXPECT_TRUE(std::equal(kPeer.begin(), kPeer.end(), poll.begin()));
  EXPECT_EQ(neighbors_->resolve(kPort, ip("2001:db8:9::1"), now_), kPeer);
}

TEST_F(NeighborResolution, TheTableIsBoundedAndKeepsTheGateway) {
  NeighborPort port = test_port();
  port.addresses[0] = *config::IpPrefix::parse("198.18.0.1/15");
  port.gateway = ip("198.19.255.254");
  make(port);
  neighbors_->start(now_);
  answer("198.19.255.254");
  for (int i = 0; i < 10000; ++i) {
    now_ += 1us;
    neighbors_->resolve(kPort,
                        IpAddress::v4(198, 18, static_cast<std::uint8_t>(1 + i / 250),
                                      static_cast<std::uint8_t>(1 + i % 250)),
                        now_);
    EXPECT_LE(neighbors_->table_size(), kNeighborCapacity);
  }
  EXPECT_EQ(neighbors_->table_size(), kNeighborCapacity);
  EXPECT_EQ(neighbors_->resolve(kPort, ip("192.0.2.1"), now_), kPeer);
}

TEST_F(NeighborResolution, ForgetsWhatIsUnusedButNotTheGateway) {
  neighbors_->start(now_);
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  EXPECT_EQ(neighbors_->table_size(), 3U);
  run(std::chrono::duration_cast<std::chrono::milliseconds>(kNeighborWanted) + 10s);
  EXPECT_EQ(neighbors_->table_size(), 2U);
}

TEST_F(NeighborResolution, AnnouncesItselfTwiceAtStart) {
  neighbors_->start(now_);
  Bytes arp = ethernet(kBroadcastMac, kOurs, 0x0806);
  put(arp, {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0, 0, 0, 1, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 1});
  arp.resize(60);
  Icmp6 nd{.message = nd_message(136, 0x20, "2001:db8::1", 2, kOurs)};
  nd.source = ip("2001:db8::1");
  nd.destination = ip("ff02::1");
  nd.to = {0x33, 0x33, 0, 0, 0, 1};
  nd.from = kOurs;
  EXPECT_EQ(std::count(sent_.begin(), sent_.end(), arp), 1);
  EXPECT_EQ(std::count(sent_.begin(), sent_.end(), nd.frame()), 1);
  EXPECT_EQ(sent_.size(), 5U);  // also the link-local address, and requests for both gateways
  run(10s);
  EXPECT_EQ(std::count(sent_.begin(), sent_.end(), arp), 2);
  EXPECT_EQ(std::count(sent_.begin(), sent_.end(), nd.frame()), 2);
}

TEST_F(NeighborResolution, TickSaysWhenToComeBack) {
  EXPECT_EQ(neighbors_->tick(now_), now_ + 1s);
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  EXPECT_EQ(neighbors_->tick(now_ + 300ms), now_ + 1s);
}

TEST_F(NeighborResolution, ATapPortSharesItsMacWithTheKernel) {
  give(Arp{.sender_mac = kOurs}.frame());
  only_frame();
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  sent_.clear();
  answer("198.18.0.9", kOurs);
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.18.0.9"), now_), kOurs);
}

}  // namespace
}  // namespace sluice::control
