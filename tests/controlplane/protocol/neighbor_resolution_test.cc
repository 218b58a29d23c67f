// The requests of neighbors: next hops, retries, refreshes, claims of other stations, the bound of the table.
#include "tests/controlplane/protocol/neighbors_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

const MacAddress kMoved{0x02, 0, 0, 0, 0, 0x77};

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
  run(190ms);
  EXPECT_EQ(sent_.size(), 1U);
  run(100ms);
  EXPECT_EQ(sent_.size(), 2U) << "media waits: a lost question is not waited for long";
  run(900ms);
  EXPECT_EQ(sent_.size(), 2U);
  run(100ms);
  EXPECT_EQ(sent_.size(), 3U);
  run(1000ms);  // the resolution fails after 2.2 s
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

TEST_F(NeighborResolution, FollowsAStationThatMovedWithoutAWord) {
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  answer("198.18.0.9");
  sent_.clear();
  run(30s + 3s);  // two polls without an answer, then a broadcast
  ASSERT_GE(sent_.size(), 3U);
  EXPECT_TRUE(std::equal(kBroadcastMac.begin(), kBroadcastMac.end(), sent_[2].begin()));
  answer("198.18.0.9", kMoved);
  ASSERT_EQ(resolved_.size(), 2U);
  EXPECT_EQ(resolved_[1].second, kMoved);
  EXPECT_EQ(neighbors_->resolve(kPort, ip("198.18.0.9"), now_), kMoved);
}

TEST_F(NeighborResolution, FollowsAGatewayThatMovedWithoutAWordWithinSixSeconds) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  sent_.clear();
  run(5500ms);
  ASSERT_EQ(sent_to(kPeer), 2U);
  answer("198.18.0.254", kMoved);
  ASSERT_EQ(resolved_.size(), 2U);
  EXPECT_EQ(resolved_[1].second, kMoved);
}

struct Claim {
  const char* name;
  bool v6;
  Bytes frame;
};

std::vector<Claim> claims() {
  const auto advertisement = [](int flags) {
    Icmp6 out{.message = nd_message(136, flags, "2001:db8::fe", 2, kMoved), .from = kMoved};
    out.source = ip("2001:db8::fe");
    out.destination = ip("ff02::1");
    out.to = {0x33, 0x33, 0, 0, 0, 1};
    return out.frame();
  };
  const auto gateway = ip("198.18.0.254");
  return {
      {"a gratuitous request", false,
       Arp{.sender_mac = kMoved, .sender = gateway, .target = gateway}.frame()},
      {"a gratuitous reply", false,
       Arp{.operation = 2,
           .sender_mac = kMoved,
           .sender = gateway,
           .target_mac = kBroadcastMac,
           .target = gateway}
           .frame()},
      {"a request for our address", false, Arp{.sender_mac = kMoved, .sender = gateway}.frame()},
      {"an advertisement that overrides", true, advertisement(0x20)},
      {"an advertisement of a router that overrides", true, advertisement(0xa0)},
  };
}

// A claim of a station that has taken over from one that is silent. Returns the time until media follows.
class Takeover : public NeighborResolution {
 protected:
  std::chrono::milliseconds follow(const Claim& claim, std::chrono::milliseconds age) {
    make(test_port());
    resolved_.clear();
    neighbors_->start(now_);
    reply(claim.v6, kPeer);
    run(age);
    return claim_and_follow(claim);
  }
  std::chrono::milliseconds claim_and_follow(const Claim& claim) {
    const auto begin = now_;
    give(claim.frame);
    for (int i = 0; i < 500; ++i) {
      sent_.clear();
      run(10ms);
      if (sent_to(kBroadcastMac) + sent_to({0x33, 0x33, 0xff, 0, 0, 0xfe}) != 0) reply(claim.v6, kMoved);
      if (!resolved_.empty() && resolved_.back().second == kMoved) break;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - begin);
  }
  void reply(bool v6, const MacAddress& mac) {
    if (!v6) return answer("198.18.0.254", mac);
    give(Icmp6{.message = nd_message(136, 0xe0, "2001:db8::fe", 2, mac), .from = mac}.frame());
  }
};

TEST_F(Takeover, IsFollowedWithinHalfASecondHoweverFreshTheEntry) {
  for (const Claim& claim : claims())
    for (const auto age : {0ms, 10ms, 300ms, 900ms, 4000ms, 4990ms}) {
      SCOPED_TRACE(std::string(claim.name) + " after " + std::to_string(age.count()) + " ms");
      EXPECT_LE(follow(claim, age), 500ms);
    }
}

TEST_F(Takeover, IsFollowedWithinASecondAfterForgedClaims) {
  for (const Claim& claim : claims())
    for (const auto pause : {0ms, 10ms, 100ms, 390ms, 410ms, 790ms}) {
      SCOPED_TRACE(std::string(claim.name) + ", " + std::to_string(pause.count()) + " ms after a forged one");
      make(test_port());
      resolved_.clear();
      neighbors_->start(now_);
      reply(claim.v6, kPeer);
      run(2s);
      give(claim.frame);  // the gateway is alive
      reply(claim.v6, kPeer);
      run(pause);
      EXPECT_LE(claim_and_follow(claim), 1000ms);
    }
}

TEST_F(Takeover, IsFollowedWithinASecondWhenTheOldStationAnswersOnceMore) {
  for (const Claim& claim : claims()) {
    SCOPED_TRACE(claim.name);
    make(test_port());
    resolved_.clear();
    neighbors_->start(now_);
    reply(claim.v6, kPeer);
    run(2s);
    give(claim.frame);
    reply(claim.v6, kPeer);  // it has not removed the address yet
    const auto begin = now_;
    for (int i = 0; i < 500 && resolved_.back().second != kMoved; ++i) {
      sent_.clear();
      run(10ms);
      if (sent_to(kBroadcastMac) + sent_to({0x33, 0x33, 0xff, 0, 0, 0xfe}) != 0) reply(claim.v6, kMoved);
    }
    EXPECT_LE(now_ - begin, 1000ms);
  }
}

TEST_F(NeighborResolution, AClaimEndsTheRestAfterAFailure) {
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  run(4s);
  sent_.clear();
  give(Arp{.sender = ip("198.18.0.9"), .target = ip("198.18.0.9")}.frame());
  only_frame();
  answer("198.18.0.9");
  EXPECT_EQ(resolved_.size(), 1U);
}

TEST_F(NeighborResolution, SaysWhenAGatewayIsLostAndFound) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  run(7s);
  EXPECT_EQ(lost_, std::vector<std::string>{"2001:db8::fe"}) << "it never answered";
  run(3s);
  EXPECT_EQ(lost_, (std::vector<std::string>{"2001:db8::fe", "198.18.0.254"}));
  run(60s);
  EXPECT_EQ(lost_.size(), 2U) << "once for each loss";
  const auto asked = sent_.size();
  run(5s);
  EXPECT_GE(sent_.size(), asked + 6) << "both gateways are asked for three times in four seconds";
  answer("198.18.0.254");
  EXPECT_EQ(resolved_.back(), (std::pair<std::string, MacAddress>("198.18.0.254", kPeer)));
  run(10s);
  EXPECT_EQ(lost_.size(), 3U);
}

TEST_F(NeighborResolution, ALinkThatComesUpIsAnnouncedOnAndItsGatewaysAreChecked) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  run(4s);
  sent_.clear();
  neighbors_->on_link_up(kPort, now_);
  EXPECT_EQ(sent_to(kBroadcastMac), 1U);
  EXPECT_EQ(sent_to({0x33, 0x33, 0, 0, 0, 1}), 2U);
  EXPECT_EQ(sent_to(kPeer), 1U) << "the known gateway is asked";
  EXPECT_EQ(sent_to({0x33, 0x33, 0xff, 0, 0, 0xfe}), 1U) << "the unknown one too";
}

TEST_F(NeighborResolution, ALiveGatewayIsNotTalkedAway) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  sent_.clear();
  now_ += 3s;
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
  // The attacker repeats its claim often. The gateway is polled at most once in kNeighborCheckPause.
  sent_.clear();
  for (int i = 0; i < 1000; ++i) {
    const std::size_t before = sent_.size();
    run(10ms);
    answer("198.18.0.254", kThief);
    if (sent_.size() != before && sent_to(kPeer) != 0) answer("198.18.0.254");
  }
  EXPECT_GE(sent_to(kPeer), 20U);
  EXPECT_LE(sent_to(kPeer), 26U);
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

IpAddress host(std::size_t n) {
  return IpAddress::v4(198, static_cast<std::uint8_t>(18 + n / 62500),
                       static_cast<std::uint8_t>(1 + n / 250 % 250), static_cast<std::uint8_t>(1 + n % 250));
}

TEST_F(NeighborResolution, TheTableIsBoundedAndKeepsWhatIsInUse) {
  NeighborPort port = test_port();
  port.addresses[0] = *config::IpPrefix::parse("198.18.0.1/15");
  port.gateway = ip("198.19.255.254");
  make(port);
  neighbors_->start(now_);
  answer("198.19.255.254");
  for (std::size_t i = 0; i < kNeighborCapacity + 1000; ++i) neighbors_->resolve(kPort, host(i), now_);
  EXPECT_EQ(neighbors_->table().size(), kNeighborCapacity);
  EXPECT_EQ(neighbors_->table().refused(), 1002U);  // the two gateways are in it
  EXPECT_EQ(neighbors_->resolve(kPort, ip("192.0.2.1"), now_), kPeer);
  // The entry that was released first makes space.
  neighbors_->release(kPort, host(7), now_);
  neighbors_->release(kPort, host(8), now_);
  sent_.clear();
  neighbors_->resolve(kPort, host(kNeighborCapacity + 5), now_);
  EXPECT_EQ(sent_.size(), 1U);
  neighbors_->resolve(kPort, host(8), now_);
  EXPECT_EQ(sent_.size(), 1U) << "it is still there";
  neighbors_->resolve(kPort, host(7), now_);
  EXPECT_EQ(neighbors_->table().refused(), 1003U);
  EXPECT_EQ(neighbors_->table().size(), kNeighborCapacity);
}

TEST_F(NeighborResolution, ManyStationsAreAskedAFewAtATime) {
  NeighborPort port = test_port();
  port.addresses[0] = *config::IpPrefix::parse("198.18.0.1/15");
  make(port);
  constexpr std::size_t kHosts = 20000;
  for (std::size_t i = 0; i < kHosts; ++i) {
    neighbors_->resolve(kPort, host(i), now_);
    answer(host(i).to_string());
  }
  EXPECT_EQ(resolved_.size(), kHosts);
  run(30s - 10ms);
  sent_.clear();
  std::size_t asked = 0;
  for (int i = 0; asked < kHosts && i < 1000; ++i) {
    run(10ms);
    EXPECT_LE(sent_.size(), kNeighborStepsPerTick);
    asked += sent_.size();
    for (const Bytes& poll : std::exchange(sent_, {}))
      answer(IpAddress::from_bytes(std::span(poll).subspan(38, 4)).to_string());
  }
  EXPECT_EQ(asked, kHosts);
  // A gateway that fails over does not wait for them.
  run(30s - 4s);
  neighbors_->start(now_);
  answer("198.18.0.254");
  run(1s);
  sent_.clear();
  give(Arp{.sender_mac = kMoved, .sender = ip("198.18.0.254"), .target = ip("198.18.0.254")}.frame());
  run(410ms);
  answer("198.18.0.254", kMoved);
  EXPECT_EQ(resolved_.back().second, kMoved);
}

TEST_F(NeighborResolution, ForgetsWhatIsReleasedButNotTheGateway) {
  neighbors_->start(now_);
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  answer("198.18.0.9");
  run(120s);
  answer("198.18.0.9");
  EXPECT_EQ(neighbors_->table().size(), 3U) << "in use";
  neighbors_->release(kPort, ip("198.18.0.9"), now_);
  neighbors_->release(kPort, ip("198.18.0.254"), now_);
  run(70s);
  EXPECT_EQ(neighbors_->table().size(), 2U);
}

TEST_F(NeighborResolution, ListsItsEntriesByPages) {
  neighbors_->start(now_);
  answer("198.18.0.254");
  run(2s);
  neighbors_->resolve(kPort, ip("198.18.0.9"), now_);
  auto page = neighbors_->table().list(std::nullopt, 2, now_);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].key.ip, ip("198.18.0.9"));
  EXPECT_EQ(page[0].state, NeighborState::kAsking);
  EXPECT_FALSE(page[0].mac || page[0].age || page[0].pinned);
  EXPECT_EQ(page[1].key.ip, ip("198.18.0.254"));
  EXPECT_EQ(page[1].state, NeighborState::kReachable);
  EXPECT_EQ(page[1].mac, kPeer);
  EXPECT_EQ(page[1].age, 2000ms);
  EXPECT_TRUE(page[1].pinned);
  page = neighbors_->table().list(page[1].key, 2, now_);
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].key.ip, ip("2001:db8::fe"));
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
  EXPECT_EQ(neighbors_->tick(now_ + 100ms), now_ + 200ms);
  EXPECT_EQ(neighbors_->tick(now_ + 200ms), now_ + 1200ms);
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
