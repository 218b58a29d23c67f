// Path MTUs: which messages of routers are followed, what the worker and the operator are told, and for how
// long it lasts.
#include "controlplane/session/path_mtus.h"

#include <gtest/gtest.h>

#include "tests/controlplane/session/session_fixture.h"
#include "tests/support/too_big_frame.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using config::IpAddress;
using test::SessionFixture;
using test::TooBigFrame;

class PathMtusTest : public ::testing::Test {
 protected:
  PathMtusTest() {
    bench.session();
    auto request = bench.rtp("a");
    request.remote->address = IpAddress::v4(203, 0, 113, 9);
    request.idle_timeout_s = 0;
    const EndpointView view = bench.create(request);
    local = {view.local_address, view.local_rtp_port};
    remote = {request.remote->address, request.remote->rtp_port};
    bench.answer_arp();
    bench.plane.memory(0).endpoints[0].packets_sent.add();
  }
  TooBigFrame message(std::uint32_t mtu) const {
    return {.router = IpAddress::v4(203, 0, 113, 1),
            .our_mac = bench.plane.ports[0].mac,
            .local = local,
            .remote = remote,
            .mtu = mtu};
  }
  void give(const TooBigFrame& message) {
    const bool v6 = message.router.is_v6();
    bench.plane.punt(0, v6 ? dataplane::PuntKind::kIcmpv6 : dataplane::PuntKind::kIcmp, message.frame());
    bench.settle();
  }
  std::uint16_t path_mtu(const std::string& id = "a") {
    return std::get<EndpointView>(bench.sessions->get_endpoint("s", id)).path_mtu;
  }
  const auto& told() { return bench.plane.worker(0).max_frames; }

  SessionFixture bench;
  config::SocketAddress local, remote;
};

TEST_F(PathMtusTest, ARouterThatNamesALowerMtuIsFollowed) {
  EXPECT_EQ(path_mtu(), 1500);
  EXPECT_TRUE(told().empty());
  give(message(1400));
  EXPECT_EQ(path_mtu(), 1400);
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].ref.slot, 0u);
  EXPECT_EQ(told()[0].path, remote) << "the worker may have latched to another address";
  EXPECT_EQ(told()[0].bytes, 1414);
  ASSERT_EQ(bench.count_events("endpoint.mtu"), 1u);
  EXPECT_EQ(bench.last<EndpointMtu>().path_mtu, 1400);
  EXPECT_EQ(bench.last_event("endpoint.mtu")->endpoint, "a");
  EXPECT_EQ(bench.sessions->totals().path_mtu_lowered, 1u);
  EXPECT_EQ(bench.sessions->totals().path_mtu_ignored, 0u);
  bench.expect_no_breach();
}

TEST_F(PathMtusTest, WhatDoesNotQuoteWhereWeSendToIsIgnored) {
  TooBigFrame wrong = message(1400);
  ++wrong.remote.port;
  give(wrong);
  wrong = message(1400);
  wrong.local.port = static_cast<std::uint16_t>(wrong.local.port + 2);
  give(wrong);
  wrong = message(1400);
  wrong.remote.ip = IpAddress::v4(203, 0, 113, 10);
  give(wrong);
  give(message(1500));  // not lower
  give(message(9000));
  bench.create(bench.rtp("b"));
  bench.answer_arp();
  wrong = message(1400);
  wrong.local.port = std::get<EndpointView>(bench.sessions->get_endpoint("s", "b")).local_rtp_port;
  wrong.remote = {IpAddress::v4(198, 18, 0, 77), 5000};
  give(wrong);  // right, but nothing has been sent there
  EXPECT_TRUE(told().empty());
  EXPECT_EQ(path_mtu(), 1500);
  EXPECT_EQ(path_mtu("b"), 1500);
  EXPECT_EQ(bench.count_events("endpoint.mtu"), 0u);
  EXPECT_EQ(bench.sessions->totals().path_mtu_ignored, 6u);
}

TEST_F(PathMtusTest, AnEndpointIsToldAtMostOnceASecond) {
  for (std::uint32_t mtu = 1400; mtu > 1300; --mtu) give(message(mtu));
  EXPECT_EQ(told().size(), 1u) << "a forger must not make a change of each packet";
  EXPECT_EQ(path_mtu(), 1400);
  bench.live(1s);
  give(message(1300));  // of a narrower link behind the first one
  EXPECT_EQ(path_mtu(), 1300);
  give(message(1400));
  EXPECT_EQ(path_mtu(), 1300);
}

TEST_F(PathMtusTest, AfterTenMinutesThePathIsTriedAgain) {
  give(message(1400));
  bench.live(300s);
  give(message(1300));
  bench.live(599s);
  EXPECT_EQ(path_mtu(), 1300) << "the later message counts";
  bench.live(2s);
  EXPECT_EQ(path_mtu(), 1500);
  ASSERT_EQ(told().size(), 3u);
  EXPECT_EQ(told()[2].bytes, 1514);
  EXPECT_EQ(told()[2].path.port, 0) << "wherever it sends to now";
  EXPECT_EQ(bench.last<EndpointMtu>().path_mtu, 1500);
  give(message(1300));
  EXPECT_EQ(path_mtu(), 1300);
}

TEST_F(PathMtusTest, AnotherPeerIsAnotherPath) {
  give(message(1400));
  EndpointConnect again;
  again.session = "s";
  again.id = "a";
  again.remote = RemoteAddress{remote.ip, remote.port, 0};
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(again)));
  EXPECT_EQ(path_mtu(), 1400) << "the same address signalled again";
  again.remote->address = IpAddress::v4(203, 0, 113, 77);
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(again)));
  bench.settle();
  EXPECT_EQ(path_mtu(), 1500);
  ASSERT_EQ(told().size(), 2u);
  EXPECT_EQ(told()[1].bytes, 1514);
  bench.live(2s);
  give(message(1400));
  EXPECT_EQ(path_mtu(), 1500) << "a message about the former path came late";
  dataplane::Note note;
  note.kind = dataplane::NoteKind::kLatched;
  note.ref = {0, bench.plane.worker(0).endpoints.at(0)};
  note.address = {IpAddress::v4(203, 0, 113, 200), 9999};
  bench.plane.worker(0).tell(note);
  bench.settle();
  remote = note.address;
  give(message(1400));
  EXPECT_EQ(path_mtu(), 1400) << "the address that media came from";
}

TEST_F(PathMtusTest, AnEndpointThatIsGoneIsNotTold) {
  give(message(1400));
  bench.sessions->remove_endpoint("s", "a", nullptr);
  give(message(1300));
  bench.settle();
  bench.live(601s);
  EXPECT_EQ(told().size(), 1u);
  EXPECT_EQ(bench.sessions->totals().path_mtu_ignored, 1u);
  bench.expect_no_breach();
}

TEST_F(PathMtusTest, Ipv6HasALeastMtuOfItsOwn) {
  auto request = bench.rtp("six");
  request.family = config::IpFamily::kIpv6;
  request.remote->address = *IpAddress::parse("2001:db8::77");
  const EndpointView view = bench.create(request);
  bench.settle();
  bench.plane.memory(0).endpoints[1].packets_sent.add();
  TooBigFrame six = message(1279);
  six.router = *IpAddress::parse("2001:db8:1::1");
  six.local = {view.local_address, view.local_rtp_port};
  six.remote = {request.remote->address, 5000};
  give(six);
  EXPECT_EQ(path_mtu("six"), 1500);
  six.mtu = 1280;
  give(six);
  EXPECT_EQ(path_mtu("six"), 1280);
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].bytes, 1294);
}

}  // namespace
}  // namespace sluice::control
