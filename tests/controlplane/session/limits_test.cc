// Limits: a request past a limit gets an error that names it, and takes no resources.
#include <gtest/gtest.h>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

void expect_limit(const RequestError& error, const std::string& name, std::uint64_t value) {
  EXPECT_EQ(error.kind, ErrorKind::kLimitReached) << error.message;
  const auto& detail = std::get<LimitReached>(error.detail);
  EXPECT_EQ(detail.limit, name);
  EXPECT_EQ(detail.value, value);
  EXPECT_FALSE(detail.found || detail.worker);
}

TEST(Limits, Sessions) {
  config::Config config = test::small_config();
  config.limits.sessions = 3;
  SessionFixture bench(config);
  for (const char* id : {"s", "t", "u"}) bench.session(id);
  expect_limit(SessionFixture::error_of(bench.sessions->create_session({.id = "v"})), "sessions", 3);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_session({.id = "t"})).created);
  bench.sessions->remove_session("t", [](auto) {});
  bench.settle();
  EXPECT_TRUE(std::get<0>(bench.sessions->create_session({.id = "v"})).created);
}

/// Advances the clock by `by`; each worker is busy for its share of that time.
void work(SessionFixture& bench, const std::vector<double>& shares, std::chrono::milliseconds by) {
  for (; by > std::chrono::milliseconds(0); by -= std::chrono::milliseconds(100)) {
    bench.advance(std::chrono::milliseconds(100));
    for (std::size_t i = 0; i < shares.size(); ++i) {
      auto& counters = bench.plane.memory(i).counters;
      counters.busy_cycles.add(static_cast<std::uint64_t>(shares[i] * 100000));
      counters.busy_polls.add(1000);
      counters.received.add(1000);
      counters.transmitted.add(1000);
    }
    bench.sessions->tick(bench.now);
  }
}

TEST(Limits, WorkerLoad) {
  config::Config config = test::small_config();
  config.limits.worker_load_percent = 70;
  SessionFixture bench(config, 2);
  bench.session("s");
  work(bench, {0.75, 0.9}, std::chrono::seconds(3));
  const RequestError error = SessionFixture::error_of(bench.sessions->create_session({.id = "t"}));
  EXPECT_EQ(error.kind, ErrorKind::kLimitReached);
  EXPECT_EQ(error.message,
            "limit reached: worker_load_percent is 70, and worker 0, the least loaded, is at 75");
  const auto& detail = std::get<LimitReached>(error.detail);
  EXPECT_EQ(detail.limit, "worker_load_percent");
  EXPECT_EQ(detail.value, 70u);
  EXPECT_EQ(detail.found, 75u);
  EXPECT_EQ(detail.worker, 0u);
  EXPECT_EQ(bench.sessions->session_count(), 1u);
  // The admitted session still gets endpoints and routes, and the same request again makes no new session.
  EXPECT_FALSE(std::get<0>(bench.sessions->create_session({.id = "s"})).created);
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  bench.route("r", "a", "b");
  work(bench, {0.75, 0.1}, std::chrono::seconds(5));
  EXPECT_EQ(std::get<0>(bench.sessions->create_session({.id = "t"})).object.worker, 1u);
}

TEST(Limits, WorkerLoadOfAHundredIsNone) {
  config::Config config = test::small_config();
  config.limits.worker_load_percent = 100;
  SessionFixture bench(config);
  work(bench, {1}, std::chrono::seconds(3));
  EXPECT_TRUE(std::get<0>(bench.sessions->create_session({.id = "t"})).created);
}

TEST(Limits, SessionsGoToTheLeastLoadedWorker) {
  SessionFixture bench(test::small_config(), 3);
  work(bench, {0.5, 0.2, 0.6}, std::chrono::seconds(3));
  EXPECT_EQ(std::get<0>(bench.sessions->create_session({.id = "s"})).object.worker, 1u);
  const auto load = bench.sessions->worker_load(1);
  EXPECT_NEAR(load.reading.busy_share, 0.2, 0.01);
  EXPECT_NEAR(*load.reading.cycles_per_packet, 20, 0.1);
  EXPECT_NEAR(load.reading.packets_per_second, 10000, 1);
  EXPECT_NEAR(*load.capacity_left_pps, 10000 * 0.85 / 0.2 - 10000, 100);
}

TEST(Limits, EndpointsPerWorker) {
  config::Config config = test::small_config();
  config.limits.endpoints_per_worker = 16;
  SessionFixture bench(config, 2);
  bench.session();
  const std::size_t home = std::get<SessionView>(bench.sessions->get_session("s")).worker;
  for (int i = 0; i < 16; ++i) EXPECT_EQ(bench.create(bench.rtp("e" + std::to_string(i))).worker, home);
  EXPECT_EQ(std::get<0>(bench.sessions->create_session({.id = "t"})).object.worker, 1 - home);
  // When the home worker is full, the endpoints go to the other worker.
  for (int i = 16; i < 32; ++i) EXPECT_EQ(bench.create(bench.rtp("e" + std::to_string(i))).worker, 1 - home);
  expect_limit(SessionFixture::error_of(bench.sessions->create_endpoint(bench.rtp("more"))),
               "endpoints_per_worker", 16);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 64u);
}

TEST(Limits, MediaPorts) {
  config::Config config = test::small_config();
  config.media.port_min = 20000;
  config.media.port_max = 20004;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  expect_limit(SessionFixture::error_of(bench.sessions->create_endpoint(bench.rtp("c"))), "media_ports", 5);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 2u);
  EndpointCreate single = bench.rtp("c");
  single.rtcp_mux = true;
  bench.create(single);
  EndpointCreate shared = bench.webrtc("w");
  shared.transport = IceTransport::kShared;
  bench.create(shared);  // needs no media port
  bench.sessions->remove_endpoint("s", "a", [](auto) {});
  bench.settle();
  bench.create(bench.rtp("d"));
}

TEST(Limits, RoutesPerWorkerAndEndpoint) {
  config::Config config = test::small_config();
  config.limits.routes_per_worker = 16;
  config.limits.routes_per_endpoint = 10;
  SessionFixture bench(config);
  bench.session();
  for (const char* id : {"a", "b", "c"}) bench.create(bench.rtp(id));
  for (int i = 0; i < 10; ++i) bench.route("b" + std::to_string(i), "a", "b");
  RouteCreate route;
  route.session = "s";
  route.id = "more";
  route.from.endpoint = "a";
  route.to = "b";
  route.clock_rate = 8000;
  expect_limit(SessionFixture::error_of(bench.sessions->create_route(route)), "routes_per_endpoint", 10);
  for (int i = 0; i < 6; ++i) bench.route("c" + std::to_string(i), "a", "c");
  route.to = "c";
  expect_limit(SessionFixture::error_of(bench.sessions->create_route(route)), "routes_per_worker", 16);
  bench.settle();
  EXPECT_EQ(bench.plane.worker(0).routes.size(), 16u);
  bench.sessions->remove_route("s", "b0", [](auto) {});
  bench.settle();
  EXPECT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  bench.settle();
  bench.expect_no_breach();
}

TEST(Limits, SwitchWithoutASourceToSpareLeavesTheRouteAlone) {
  config::Config config = test::small_config();
  config.limits.routes_per_worker = 16;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  RouteCreate route;
  route.session = "s";
  route.from.endpoint = "a";
  route.to = "b";
  route.clock_rate = 8000;
  for (std::uint32_t i = 0; i < 16; ++i) {
    route.id = "r" + std::to_string(i);
    route.from.ssrc = i;
    ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  }
  const auto result = bench.sessions->switch_route({"s", "r0", {"a", 99, {}, {}}});
  expect_limit(SessionFixture::error_of(result), "routes_per_worker", 16);
  EXPECT_EQ(std::get<RouteView>(bench.sessions->get_route("s", "r0")).from.ssrc, 0u);
  EXPECT_TRUE(std::holds_alternative<RouteView>(bench.sessions->switch_route({"s", "r0", {"a", 5, {}, {}}})));
  bench.settle();
  bench.expect_no_breach();
}

}  // namespace
}  // namespace sluice::control
