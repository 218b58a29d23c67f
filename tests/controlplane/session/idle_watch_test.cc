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

// An endpoint with a timeout of its own is judged by itself.
TEST_F(IdleTest, WhatIsSentKeepsASignalledReceiverAlive) {
  EndpointCreate signalled = bench.rtp("signalled");
  signalled.idle_timeout_s = 60;
  bench.create(signalled);
  EndpointCreate latched = bench.sdes("latched", false);
  latched.idle_timeout_s = 60;
  bench.create(latched);
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

// A call where one side only listens, or is held without a word: the other side's media keeps both.
TEST_F(IdleTest, AnEndpointLivesWithItsSession) {
  bench.create(bench.sdes("speaks", false));
  bench.create(bench.sdes("listens", false));  // latched: its packets do not count for itself
  bench.create(bench.rtp("held", false));
  bench.settle();
  for (int i = 0; i < 40; ++i) {
    receive("speaks");
    send("listens");
    bench.live(seconds(20));
  }
  for (const char* id : {"speaks", "listens", "held"}) EXPECT_TRUE(there(id)) << id;
  EXPECT_EQ(bench.count_events("endpoint.idle"), 0u);
  bench.live(seconds(65));
  for (const char* id : {"speaks", "listens", "held"}) EXPECT_FALSE(there(id)) << id;
}

// SIP timer C: a call may ring, or be held both ways, for 180 s without a word (RFC 3261 16.6).
TEST(Idle, ByDefaultACallMayRingAndBeHeldForThreeMinutes) {
  config::Config config = test::small_config();
  config.limits.idle_timeout_s = config::Limits().idle_timeout_s;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.sdes("caller", false));
  bench.create(bench.sdes("callee", false));
  bench.live(seconds(185));
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 2u);
  EndpointConnect answer;
  answer.session = "s";
  answer.id = "callee";
  answer.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 5), 7000, 0};
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(answer)));
  bench.live(seconds(185));  // held at once: signalling was a sign of life
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 2u);
  bench.live(seconds(20));
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 0u);
}

TEST_F(IdleTest, SignallingIsASignOfLife) {
  const auto silent_for_50s = [&] { bench.live(seconds(50)); };
  bench.create(bench.rtp("a", false));
  bench.create(bench.rtp("b", false));
  silent_for_50s();
  bench.route("r", "a", "b");
  silent_for_50s();
  RouteSwitch change;
  change.session = "s";
  change.id = "r";
  change.from.endpoint = "b";
  ASSERT_TRUE(std::holds_alternative<RouteView>(bench.sessions->switch_route(change)));
  silent_for_50s();
  bench.create(bench.rtp("c", false));
  silent_for_50s();
  ASSERT_TRUE(std::holds_alternative<SessionView>(bench.sessions->renew_session({.id = "s"})));
  silent_for_50s();
  EXPECT_TRUE(there("a"));
  EXPECT_TRUE(there("c"));
}

TEST_F(IdleTest, TimeoutsOfSessionsAndEndpoints) {
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(
      bench.sessions->create_session({.id = "short", .idle_timeout_s = 10})));
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(
      bench.sessions->create_session({.id = "ever", .idle_timeout_s = 0})));
  for (const char* session : {"short", "ever"}) {
    EndpointCreate request = bench.rtp("e", false);
    request.session = session;
    const EndpointView made = bench.create(request);
    EXPECT_EQ(made.idle_timeout_s, std::string_view(session) == "ever" ? 0u : 10u);
  }
  EndpointCreate own = bench.rtp("own", false);
  own.session = "ever";
  own.idle_timeout_s = 20;
  bench.create(own);
  const auto lives = [&](const char* session, const char* id) {
    return std::holds_alternative<EndpointView>(bench.sessions->get_endpoint(session, id));
  };
  bench.live(seconds(13));
  EXPECT_FALSE(lives("short", "e"));
  EXPECT_TRUE(lives("ever", "own"));
  EndpointConnect longer;
  longer.session = "ever";
  longer.id = "own";
  longer.idle_timeout_s = 30;
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(longer)));
  bench.live(seconds(25));
  EXPECT_TRUE(lives("ever", "own"));
  bench.live(seconds(8));
  EXPECT_FALSE(lives("ever", "own"));
  bench.live(seconds(600));
  EXPECT_TRUE(lives("ever", "e"));
  ASSERT_TRUE(std::holds_alternative<SessionView>(
      bench.sessions->renew_session({.id = "ever", .idle_timeout_s = 5})));
  bench.live(seconds(8));
  EXPECT_FALSE(lives("ever", "e"));
}

TEST_F(IdleTest, AWarningComesFirst) {
  bench.create(bench.rtp("a", false));
  bench.live(seconds(28));
  EXPECT_EQ(bench.count_events("endpoint.idle"), 0u);
  bench.live(seconds(4));
  ASSERT_EQ(bench.count_events("endpoint.idle"), 1u);
  EXPECT_EQ(bench.last_event("endpoint.idle")->endpoint, "a");
  EXPECT_NEAR(bench.last<EndpointIdle>().seconds_left, 29, 2);
  receive("a");
  bench.live(seconds(25));
  EXPECT_EQ(bench.count_events("endpoint.idle"), 1u) << "once for each silence";
  bench.live(seconds(10));
  EXPECT_EQ(bench.count_events("endpoint.idle"), 2u);
  bench.live(seconds(30));
  EXPECT_FALSE(there("a"));
}

// A lease ends the call of a dead controller, also when media flows. A renewed one does not.
TEST_F(IdleTest, ALeaseThatIsNotRenewedEndsTheSession) {
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(
      bench.sessions->create_session({.id = "leased", .lease_s = 40})));
  EndpointCreate request = bench.sdes("e", false);
  request.session = "leased";
  const auto port = bench.create(request).local_rtp_port;
  bench.settle();
  dataplane::EndpointSlot* media = nullptr;
  for (const auto& [index, generation] : bench.plane.worker(0).endpoints)
    if (bench.plane.memory(0).endpoints[index].local.address.port == port)
      media = &bench.plane.memory(0).endpoints[index];
  ASSERT_NE(media, nullptr);
  const auto flow = [&](int for_s) {
    for (int i = 0; i < for_s; ++i) {
      media->last_received_tsc.set(bench.plane.tsc);
      bench.live(seconds(1));
    }
  };
  flow(30);
  EXPECT_EQ(bench.count_events("session.expiring"), 1u);
  EXPECT_NEAR(bench.last<SessionExpiring>().seconds_left, 20, 1);
  const auto renewed = bench.sessions->renew_session({.id = "leased"});
  ASSERT_TRUE(std::holds_alternative<SessionView>(renewed));
  EXPECT_EQ(std::get<SessionView>(renewed).lease_left_s, 40u);
  flow(38);
  ASSERT_TRUE(std::holds_alternative<SessionView>(bench.sessions->get_session("leased")));
  flow(4);
  EXPECT_TRUE(std::holds_alternative<RequestError>(bench.sessions->get_session("leased")));
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "lease");
  EXPECT_EQ(bench.last<SessionRemoved>().reason, "lease");
  EXPECT_EQ(bench.sessions->totals().sessions_lease_ended, 1u);
}

TEST_F(IdleTest, ALeaseMayBeGivenUp) {
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(
      bench.sessions->create_session({.id = "leased", .idle_timeout_s = 0, .lease_s = 10})));
  ASSERT_TRUE(
      std::holds_alternative<SessionView>(bench.sessions->renew_session({.id = "leased", .lease_s = 0})));
  bench.live(seconds(100));
  EXPECT_TRUE(std::holds_alternative<SessionView>(bench.sessions->get_session("leased")));
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->renew_session({.id = "none"})).kind,
            ErrorKind::kNotFound);
}

TEST_F(IdleTest, ASessionOfOtherParametersIsAConflict) {
  const SessionCreate request{.id = "x", .idle_timeout_s = 7, .lease_s = 9};
  EXPECT_TRUE(std::get<0>(bench.sessions->create_session(request)).created);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_session(request)).created);
  const auto result = bench.sessions->create_session({.id = "x", .idle_timeout_s = 7});
  EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kConflict);
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
