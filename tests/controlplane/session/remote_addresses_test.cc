// Next hops of endpoints: fail-over of a gateway, latching behind one, and what is told about ports.
#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/protocol/neighbor/arp.h"
#include "controlplane/session/remote_addresses.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

// A gratuitous ARP request of a station that has taken over the gateway's address.
std::vector<std::uint8_t> gratuitous_arp(const config::IpAddress& ip, const dataplane::MacAddress& mac) {
  NeighborPort port;
  port.mac = mac;
  return make_arp_request(port, kBroadcastMac, ip, ip);
}

TEST(RemoteAddresses, AGatewayThatFailsOverIsFollowedWithinASecondByEveryEndpoint) {
  SessionFixture bench;
  bench.session();
  for (const char* id : {"a", "b"}) {
    auto request = bench.sdes(id);
    request.remote->address = config::IpAddress::v4(198, 19, 9, 9);
    bench.create(request);
  }
  bench.answer_arp();
  ASSERT_EQ(bench.plane.worker(0).remotes.size(), 4u);
  EXPECT_EQ(bench.last<PortGateway>().mac, test::kPeerMac);
  bench.plane.worker(0).injected.clear();
  bench.peer_mac = {0x02, 0, 0, 0, 0, 0x99};
  const auto gateway = config::IpAddress::v4(198, 18, 0, 254);
  bench.plane.punt(0, dataplane::PuntKind::kArp, gratuitous_arp(gateway, bench.peer_mac));
  for (int i = 0; i < 100 && bench.plane.worker(0).next_hops.empty(); ++i) {
    bench.advance(std::chrono::milliseconds(10));
    bench.sessions->tick(bench.now);
    bench.settle();
    std::erase_if(bench.plane.worker(0).injected, [](const test::TestFrame& frame) {
      return std::equal(test::kPeerMac.begin(), test::kPeerMac.end(), frame.bytes.begin());
    });  // the old station is gone
    bench.answer_arp();
  }
  ASSERT_EQ(bench.plane.worker(0).next_hops.size(), 4u);
  for (const auto& hop : bench.plane.worker(0).next_hops) EXPECT_EQ(hop.next_hop, bench.peer_mac);
  EXPECT_EQ(bench.last<PortGateway>().mac, bench.peer_mac);
  EXPECT_EQ(bench.last_event("port.gateway")->port, "lan");
}

TEST(RemoteAddresses, APeerBehindAGatewayLatchesToTheGatewaysMac) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.sdes("a"));
  bench.answer_arp();
  dataplane::Note note;
  note.kind = dataplane::NoteKind::kLatched;
  note.ref = {0, bench.plane.worker(0).endpoints.at(0)};
  note.address = {config::IpAddress::v4(198, 19, 0, 200), 9999};
  bench.plane.worker(0).tell(note);
  bench.settle();
  ASSERT_EQ(bench.plane.worker(0).next_hops.size(), 1u);
  EXPECT_EQ(bench.plane.worker(0).next_hops[0].address, note.address);
  EXPECT_EQ(bench.plane.worker(0).next_hops[0].next_hop, test::kPeerMac);
}

// Of routers without a shared MAC. The peer sends nothing that could show the way.
TEST(RemoteAddresses, ASilentPeerThatLatchedFollowsItsGateway) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a", false));
  bench.answer_arp();
  auto& worker = bench.plane.worker(0);
  dataplane::Note note;
  note.kind = dataplane::NoteKind::kLatched;
  note.ref = {0, worker.endpoints.at(0)};
  note.address = {config::IpAddress::v4(198, 19, 0, 200), 9999};
  worker.tell(note);
  bench.settle();
  ASSERT_EQ(worker.next_hops.size(), 1u);
  EXPECT_EQ(worker.next_hops[0].next_hop, test::kPeerMac);
  bench.peer_mac = {0x02, 0, 0, 0, 0, 0x99};
  for (int i = 0; i < 100 && worker.next_hops.size() == 1; ++i) {
    std::erase_if(worker.injected, [](const test::TestFrame& frame) {
      return std::equal(test::kPeerMac.begin(), test::kPeerMac.end(), frame.bytes.begin());
    });  // the old station is gone
    bench.answer_arp();
    bench.advance(std::chrono::milliseconds(100));
    bench.sessions->tick(bench.now);
    bench.settle();
  }
  ASSERT_EQ(worker.next_hops.size(), 2u) << "the gateway is asked every 5 s";
  EXPECT_EQ(worker.next_hops[1].address, note.address);
  EXPECT_EQ(worker.next_hops[1].next_hop, bench.peer_mac);
}

TEST(RemoteAddresses, LinksGatewaysAndConflictsAreEvents) {
  SessionFixture bench;
  bench.live(std::chrono::seconds(5));
  ASSERT_NE(bench.last_event("port.gateway"), nullptr);
  EXPECT_FALSE(bench.last<PortGateway>().mac) << "no station answers";
  EXPECT_EQ(bench.count_events("port.link"), 0u);
  bench.plane.down.insert(0);
  bench.live(std::chrono::seconds(2));
  ASSERT_EQ(bench.count_events("port.link"), 1u);
  EXPECT_FALSE(bench.last<PortLink>().is_up);
  bench.plane.down.clear();
  bench.plane.worker(0).injected.clear();
  bench.live(std::chrono::seconds(2));
  ASSERT_EQ(bench.count_events("port.link"), 2u);
  EXPECT_TRUE(bench.last<PortLink>().is_up);
  EXPECT_FALSE(bench.plane.worker(0).injected.empty()) << "the addresses must be announced again";
  const auto ours = config::IpAddress::v4(198, 18, 0, 1);
  for (int i = 0; i < 5; ++i)
    bench.plane.punt(0, dataplane::PuntKind::kArp, gratuitous_arp(ours, test::kPeerMac));
  bench.settle();
  ASSERT_EQ(bench.count_events("port.conflict"), 1u);
  EXPECT_EQ(bench.last<PortConflict>().address, ours);
  EXPECT_EQ(bench.last<PortConflict>().mac, test::kPeerMac);
}

config::Config config_for_4000() {
  config::Config config = test::small_config();
  config.limits.endpoints_per_worker = 4000;
  config.media.port_min = 10000;
  config.media.port_max = 19999;
  return config;
}

TEST(RemoteAddresses, ManyEndpointsBehindAGatewayAreToldAFewAtATime) {
  SessionFixture bench(config_for_4000());
  bench.session();
  constexpr std::size_t kEndpoints = 3000;
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    auto request = bench.rtp("e" + std::to_string(i));
    request.rtcp_mux = true;
    request.remote->rtcp_port = 0;
    request.remote->address = config::IpAddress::v4(198, 19, 9, 9);
    bench.create(request);
  }
  bench.answer_arp();
  for (int i = 0; i < 10; ++i) bench.sessions->tick(bench.now);
  bench.settle();
  const auto& worker = bench.plane.worker(0);
  EXPECT_EQ(worker.remotes.size() + worker.next_hops.size(), kEndpoints);
  bench.plane.worker(0).next_hops.clear();
  const dataplane::MacAddress moved{0x02, 0, 0, 0, 0, 0x99};
  const auto gateway = config::IpAddress::v4(198, 18, 0, 254);
  bench.plane.punt(0, dataplane::PuntKind::kArp, gratuitous_arp(gateway, moved));
  bench.settle();
  bench.plane.worker(0).injected.clear();
  bench.advance(std::chrono::milliseconds(200));
  bench.sessions->tick(bench.now);
  bench.advance(std::chrono::milliseconds(200));
  bench.sessions->tick(bench.now);
  bench.settle();
  bench.peer_mac = moved;
  std::erase_if(bench.plane.worker(0).injected, [](const test::TestFrame& frame) {
    return std::equal(test::kPeerMac.begin(), test::kPeerMac.end(), frame.bytes.begin());
  });
  bench.answer_arp();
  std::size_t told = worker.next_hops.size();
  EXPECT_LE(told, RemoteAddresses::kLegsPerTick);
  for (int ticks = 1; told < kEndpoints && ticks < 10; ++ticks) {
    const auto next = bench.sessions->tick(bench.now);
    bench.settle();
    const std::size_t now_told = worker.next_hops.size();
    EXPECT_LE(now_told - told, RemoteAddresses::kLegsPerTick);
    told = now_told;
    EXPECT_TRUE(told == kEndpoints || next <= bench.now) << "the next tick must come at once";
  }
  EXPECT_EQ(told, kEndpoints);
}

TEST(RemoteAddresses, NextHopsThatAnswerAtOnceShareTheBound) {
  SessionFixture bench(config_for_4000());
  bench.session();
  constexpr std::size_t kHops = 5;
  constexpr std::size_t kEndpoints = 600 * kHops;
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    auto request = bench.rtp("e" + std::to_string(i));
    request.rtcp_mux = true;
    request.remote->rtcp_port = 0;
    request.remote->address = config::IpAddress::v4(198, 18, 0, static_cast<std::uint8_t>(100 + i % kHops));
    bench.create(request);
  }
  bench.answer_arp();
  const auto& worker = bench.plane.worker(0);
  std::size_t told = worker.remotes.size();
  EXPECT_LE(told, RemoteAddresses::kLegsPerTick);
  for (int ticks = 0; told < kEndpoints && ticks < 10; ++ticks) {
    bench.sessions->tick(bench.now);
    bench.settle();
    EXPECT_LE(worker.remotes.size() - told, RemoteAddresses::kLegsPerTick);
    told = worker.remotes.size();
  }
  EXPECT_EQ(told, kEndpoints);
}

}  // namespace
}  // namespace sluice::control
