// Own addresses: each of them has all UDP ports of the media range for itself.
#include <gtest/gtest.h>

#include <set>

#include "tests/controlplane/session/session_fixture.h"
#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using config::IpAddress;
using config::IpPrefix;
using test::ScriptedPlane;
using test::SessionFixture;
using test::WebPeer;

// "lan" has 198.18.0.1, 198.18.0.2 and 2001:db8::1, "wan" has 198.18.9.1.
void add_addresses(ScriptedPlane& plane) {
  dataplane::PortInfo wan = plane.ports[0];
  wan.id = 5;
  wan.name = "wan";
  wan.addresses = {*IpPrefix::parse("198.18.9.1/24")};
  plane.ports[0].addresses.push_back(*IpPrefix::parse("198.18.0.2/24"));
  plane.ports.push_back(wan);
}

config::Config config_of(std::uint16_t udp_ports) {
  config::Config config = test::small_config();
  config.media.port_min = 20000;
  config.media.port_max = static_cast<std::uint16_t>(20000 + udp_ports - 1);
  return config;
}

class LocalAddressesTest : public testing::Test {
 protected:
  explicit LocalAddressesTest(std::size_t workers = 1) : bench(add_addresses, config_of(8), workers) {
    bench.session();
  }
  Result<Created<EndpointView>> ask(const std::string& id, const std::string& address,
                                    const std::string& port = {}) {
    EndpointCreate request = bench.rtp(id);
    request.remote.reset();
    request.port = port;
    if (!address.empty()) request.local_address = IpAddress::parse(address);
    return bench.sessions->create_endpoint(request);
  }
  EndpointView make(const std::string& id, const std::string& address) {
    return std::get<0>(ask(id, address)).object;
  }

  SessionFixture bench;
};

TEST_F(LocalAddressesTest, EachHasEveryUdpPort) {
  std::set<std::pair<IpAddress, std::uint16_t>> places;
  for (const char* address : {"198.18.0.1", "198.18.0.2", "2001:db8::1", "198.18.9.1"})
    for (int i = 0; i < 4; ++i) {
      const EndpointView view = make(std::string(address).back() + std::to_string(places.size()), address);
      EXPECT_EQ(view.local_address.to_string(), address);
      EXPECT_EQ(view.port, std::string(address) == "198.18.9.1" ? "wan" : "lan");
      EXPECT_GE(view.local_rtp_port, 20000);
      EXPECT_LE(view.local_rtcp_port, 20007);
      EXPECT_TRUE(places.insert({view.local_address, view.local_rtp_port}).second);
      EXPECT_TRUE(bench.plane.steered.contains({view.local_address, view.local_rtcp_port}));
    }
  const auto media = bench.sessions->media_ports();
  EXPECT_EQ(media.allocated, 32u);
  EXPECT_EQ(media.free, 0u);
  ASSERT_EQ(media.addresses.size(), 4u) << "the link-local address is for no endpoint";
  for (const auto& use : media.addresses) EXPECT_EQ(use.allocated, 8u) << use.address.to_string();
  for (const char* address : {"198.18.0.2", "2001:db8::1", "198.18.9.1"}) {
    const auto refused = ask("more", address);
    const auto& detail = std::get<LimitReached>(SessionFixture::error_of(refused).detail);
    EXPECT_EQ(detail.limit, "media_ports");
    EXPECT_EQ(detail.value, 8u);
  }
  const auto one = std::get<0>(bench.sessions->list_udp_ports({.udp_port = 20000}));
  ASSERT_EQ(one.views.size(), 4u);
  std::set<IpAddress> listed;
  for (const UdpPortView& view : one.views) listed.insert(view.address);
  EXPECT_EQ(listed.size(), 4u);
}

TEST_F(LocalAddressesTest, TheNextAddressTakesOver) {
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(make("e" + std::to_string(i), "").local_address.to_string(),
              i < 4 ? "198.18.0.1" : "198.18.0.2");
  const auto refused = ask("more", "");
  EXPECT_EQ(std::get<LimitReached>(SessionFixture::error_of(refused).detail).value, 16u);
  bench.sessions->remove_endpoint("s", "e1", [](auto) {});
  bench.settle();
  EXPECT_EQ(make("again", "").local_address.to_string(), "198.18.0.1") << "its own UDP ports were freed";
}

TEST_F(LocalAddressesTest, AnUnknownOneIsRefusedWithTheAllowed) {
  const auto text = [](const Result<Created<EndpointView>>& result) {
    return SessionFixture::error_of(result).message;
  };
  EXPECT_NE(text(ask("a", "198.18.5.5")).find("198.18.0.1, 2001:db8::1, 198.18.0.2, 198.18.9.1"),
            std::string::npos)
      << text(ask("a", "198.18.5.5"));
  EXPECT_NE(text(ask("a", "198.18.0.2", "wan")).find("198.18.9.1"), std::string::npos);
  EndpointCreate six = bench.rtp("a", false);
  six.local_address = IpAddress::parse("198.18.0.2");
  six.family = config::IpFamily::kIpv6;
  EXPECT_NE(text(bench.sessions->create_endpoint(six)).find("2001:db8::1"), std::string::npos);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 0u);
  EndpointCreate request = bench.rtp("b", false);
  request.local_address = IpAddress::parse("198.18.0.2");
  bench.create(request);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_endpoint(request)).created);
  request.local_address = IpAddress::parse("198.18.0.1");
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_endpoint(request)).kind, ErrorKind::kConflict);
}

// One peer socket talks to two addresses of ours on the shared port: two 5-tuples.
TEST_F(LocalAddressesTest, SharedPortsOfTwoAddressesAreTwoTuples) {
  std::vector<EndpointView> views;
  for (const char* address : {"198.18.0.1", "198.18.0.2"}) {
    EndpointCreate request = bench.webrtc(std::string("w") + address);
    request.local_address = IpAddress::parse(address);
    request.transport = IceTransport::kShared;
    views.push_back(bench.create(request));
  }
  EXPECT_EQ(views[0].local_rtp_port, views[1].local_rtp_port);
  for (const EndpointView& view : views) {
    WebPeer peer(bench, view);
    peer.check();
    EXPECT_EQ(peer.stun_answers, 1u) << view.id;
    EXPECT_EQ(peer.stun_refusals, 0u);
  }
  bench.settle();
  EXPECT_EQ(bench.plane.worker(0).bound.size(), 2u);
  EXPECT_EQ(bench.sessions->totals().ice_tuples_refused, 0u);
}

struct TwoWorkers : LocalAddressesTest {
  TwoWorkers() : LocalAddressesTest(2) {}
};

// The same UDP port at two addresses may belong to two workers.
TEST_F(TwoWorkers, OwnAUdpPortByAddress) {
  bench.session("t");
  EndpointCreate one = bench.rtp("one", false);
  one.local_address = IpAddress::parse("198.18.0.1");
  EndpointCreate other = bench.rtp("other", false);
  other.session = "t";
  other.local_address = IpAddress::parse("198.18.0.2");
  const EndpointView first = bench.create(one);
  const EndpointView second = bench.create(other);
  ASSERT_NE(first.worker, second.worker);
  EXPECT_EQ(first.local_rtp_port, second.local_rtp_port);
  EXPECT_EQ((bench.plane.steered[{first.local_address, first.local_rtp_port}]), first.worker);
  EXPECT_EQ((bench.plane.steered[{second.local_address, second.local_rtp_port}]), second.worker);
}

TEST(LocalAddresses, FourHold250000Endpoints) {
  config::Config config = test::small_config();
  config.media.port_min = 1030;
  config.media.port_max = 65535;
  config.limits.endpoints_per_worker = 131072;
  config.limits.routes_per_worker = 131072;
  SessionFixture bench(add_addresses, config, 2);
  constexpr std::size_t kWanted = 250000;
  std::size_t made = 0;
  for (const char* session : {"s", "t"}) {
    bench.session(session);
    EndpointCreate request = bench.rtp("");
    request.session = session;
    request.id.clear();
    request.rtcp_mux = true;
    for (std::size_t i = 0; i < kWanted / 2; ++i) {
      const char* const addresses[] = {"198.18.0.1", "198.18.0.2", "2001:db8::1", "198.18.9.1"};
      request.local_address = IpAddress::parse(addresses[i % 4]);
      request.remote = RemoteAddress{*IpAddress::parse(i % 4 == 2 ? "2001:db8::9" : "198.18.0.9"), 4000, 0};
      made += std::holds_alternative<Created<EndpointView>>(bench.sessions->create_endpoint(request)) ? 1 : 0;
      if (i % 1000 == 0) bench.settle();
    }
  }
  bench.settle();
  EXPECT_EQ(made, kWanted);
  EXPECT_EQ(bench.sessions->media_ports().allocated, kWanted);
}

}  // namespace
}  // namespace sluice::control
