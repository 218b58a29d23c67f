// Removal of idle endpoints, with a clock that the test sets.
#include <gtest/gtest.h>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using std::chrono::seconds;
using test::SessionFixture;

class IdleTest : public ::testing::Test {
 protected:
  IdleTest() { bench.session(); }
  ~IdleTest() override { bench.expect_no_breach(); }

  dataplane::EndpointSlot& slot(const std::string& id) {
    const auto port = std::get<EndpointView>(bench.sessions->get_endpoint("s", id)).local_rtp_port;
    for (const auto& [index, generation] : bench.plane.worker(0).endpoints)
      if (bench.plane.memory(0).endpoints[index].local.address.port == port)
        return bench.plane.memory(0).endpoints[index];
    throw std::runtime_error("not installed: " + id);
  }
  void receive(const std::string& id) {
    slot(id).packets_received.add();
    slot(id).last_received_tsc.set(bench.plane.tsc);
  }
  void send(const std::string& id) { slot(id).packets_sent.add(); }
  bool there(const std::string& id) {
    return std::holds_alternative<EndpointView>(bench.sessions->get_endpoint("s", id));
  }
  EndpointState state(const std::string& id) {
    return std::get<EndpointView>(bench.sessions->get_endpoint("s", id)).state;
  }

  SessionFixture bench;
};

TEST_F(IdleTest, SilentEndpointIsReclaimedWithItsRoutes) {
  bench.create(bench.rtp("a", false));
  bench.create(bench.rtp("b", false));
  bench.route("r", "a", "b");
  bench.live(seconds(58));
  EXPECT_TRUE(there("a"));
  bench.live(seconds(4));
  EXPECT_FALSE(there("a"));
  EXPECT_FALSE(there("b"));
  EXPECT_EQ(bench.sessions->totals().endpoints_idle_reclaimed, 2u);
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "idle");
  EXPECT_EQ(bench.count_events("route.removed"), 1u);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 0u);
}

TEST_F(IdleTest, WhatIsReceivedKeepsAlive) {
  bench.create(bench.sdes("a", false));
  bench.settle();
  for (int i = 0; i < 5; ++i) {
    receive("a");
    bench.live(seconds(50));
  }
  EXPECT_TRUE(there("a"));
  bench.live(seconds(15));
  EXPECT_FALSE(there("a")) << "counted from the last packet";
}

TEST_F(IdleTest, WhatIsSentKeepsASignalledReceiverAlive) {
  bench.create(bench.rtp("signalled"));
  bench.create(bench.sdes("latched", false));
  bench.settle();
  for (int i = 0; i < 2; ++i) {
    send("signalled");
    send("latched");
    bench.live(seconds(20));
  }
  EXPECT_TRUE(there("latched"));
  send("latched");
  for (int i = 0; i < 3; ++i) {
    send("signalled");
    bench.live(seconds(30));
  }
  EXPECT_TRUE(there("signalled"));
  EXPECT_FALSE(there("latched")) << "packets of other senders must not keep the endpoint";
}

TEST_F(IdleTest, ASignalLaterCounts) {
  bench.create(bench.sdes("a", false));
  bench.settle();
  EndpointConnect connect;
  connect.session = "s";
  connect.id = "a";
  connect.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 5), 7000, 0};
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(connect)));
  for (int i = 0; i < 4; ++i) {
    send("a");
    bench.live(seconds(30));
  }
  EXPECT_TRUE(there("a"));
}

TEST_F(IdleTest, StateFollowsWhatFlows) {
  bench.create(bench.sdes("a"));
  EXPECT_EQ(state("a"), EndpointState::kAllocated);
  bench.answer_arp();
  EXPECT_EQ(state("a"), EndpointState::kConnected);
  receive("a");
  EXPECT_EQ(state("a"), EndpointState::kFlowing);
  bench.live(seconds(20));
  EXPECT_EQ(state("a"), EndpointState::kFlowing);
  bench.live(seconds(12));
  EXPECT_EQ(state("a"), EndpointState::kConnected) << "nothing for longer than the stream timeout";
}

TEST_F(IdleTest, EmptySessionIsReclaimed) {
  bench.create(bench.rtp("a", false));
  bench.session("never-used");
  bench.live(seconds(63));
  EXPECT_FALSE(there("a"));
  EXPECT_TRUE(std::holds_alternative<SessionView>(bench.sessions->get_session("s")))
      << "the session is empty for a short time only";
  EXPECT_TRUE(std::holds_alternative<RequestError>(bench.sessions->get_session("never-used")));
  bench.live(seconds(62));
  EXPECT_TRUE(std::holds_alternative<RequestError>(bench.sessions->get_session("s")));
  EXPECT_EQ(bench.sessions->totals().sessions_idle_reclaimed, 2u);
  EXPECT_EQ(bench.last<SessionRemoved>().reason, "idle");
}

TEST_F(IdleTest, SessionInUseIsNot) {
  for (int i = 0; i < 4; ++i) {
    bench.create(bench.rtp("a", false));
    bench.live(seconds(40));
    bench.sessions->remove_endpoint("s", "a", [](auto) {});
    bench.live(seconds(40));
  }
  EXPECT_TRUE(std::holds_alternative<SessionView>(bench.sessions->get_session("s")));
}

TEST(Idle, ZeroIsNever) {
  config::Config config = test::small_config();
  config.limits.idle_timeout_s = 0;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.rtp("a", false));
  bench.session("empty");
  bench.live(seconds(600));
  EXPECT_EQ(bench.sessions->session_count(), 2u);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 1u);
}

}  // namespace
}  // namespace sluice::control
