// Bounded turns: however many endpoints and routes there are, one turn of the control thread does a bounded
// piece of a walk over them. The tests count what a turn does; none looks at a clock.
#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/session/removals.h"
#include "controlplane/session/table_scan.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using dataplane::CommandKind;
using test::SessionFixture;

constexpr std::size_t kEndpoints = 50000;
// begin() and step() remove as many routes, and the last route of a source takes the source along.
constexpr std::size_t kMostRoutes = 2 * Removals::kRoutesPerStep;
constexpr std::size_t kMostCommands = kMostRoutes + Removals::kEndpointsPerStep + 16;
// A warning or a removal costs as much as 32 looks of the idle watch.
constexpr std::size_t kMostActs = TableScan::kSlotsPerTurn / 32 + 1;

config::Config large_config() {
  config::Config config = test::small_config();
  config.media.port_min = 10000;
  config.media.port_max = 65000;
  config.limits.sessions = kEndpoints;
  config.limits.endpoints_per_worker = kEndpoints + 16;
  config.limits.routes_per_worker = kEndpoints + 16;
  config.limits.routes_per_endpoint = 16384;
  return config;
}

/// An endpoint takes two UDP ports.
void add_address(test::ScriptedPlane& plane) {
  plane.ports[0].addresses.push_back(*config::IpPrefix::parse("198.18.0.2/24"));
}

class BoundedTurnsTest : public ::testing::Test {
 protected:
  BoundedTurnsTest() : bench(add_address, large_config(), 1, false) { bench.session(); }
  ~BoundedTurnsTest() override { bench.expect_no_breach(); }

  void add_endpoints(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) add_endpoint("e" + std::to_string(i));
    bench.settle();
    bench.events.clear();
  }
  void add_endpoint(const std::string& id) {
    bench.create(bench.rtp(id, false));
    if (bench.plane.memory(0).commands.size() > 1000) bench.settle();
  }
  void add_route(std::size_t number, const std::string& from, const std::string& to) {
    bench.route("r" + std::to_string(number), from, to);
    if (bench.plane.memory(0).commands.size() > 1000) bench.settle();
  }
  /// Everything that the worker was sent, or will be.
  std::size_t commands() {
    return bench.plane.worker(0).taken + bench.plane.memory(0).commands.size() +
           bench.sessions->totals().pending_commands;
  }
  /// Runs `turn`, and then the worker. Checks that the turn was bounded. Returns what the turn returned.
  template <typename Turn>
  auto bounded(Turn turn) {
    const std::size_t sent_before = commands();
    const std::size_t told_before = bench.events.size();
    const auto result = turn();
    EXPECT_LE(commands() - sent_before, kMostCommands);
    EXPECT_LE(bench.events.size() - told_before, std::size_t{2 * kMostActs});
    bench.plane.worker(0).turn();
    return result;
  }
  bool poll() {
    return bounded([&] { return bench.sessions->poll(bench.now); });
  }
  ErrorKind refusal(const auto& result) { return SessionFixture::error_of(result).kind; }
  std::size_t count(CommandKind kind) {
    return static_cast<std::size_t>(std::ranges::count(bench.plane.worker(0).order, kind));
  }
  std::size_t place_of_last(CommandKind kind) {
    const auto& order = bench.plane.worker(0).order;
    return static_cast<std::size_t>(order.rend() - std::find(order.rbegin(), order.rend(), kind));
  }

  SessionFixture bench;
};

TEST_F(BoundedTurnsTest, APublisherOf50000RoutesEndsInSteps) {
  add_endpoint("publisher");
  add_endpoints(kEndpoints);
  for (std::size_t i = 0; i < kEndpoints; ++i) add_route(i, "publisher", "e" + std::to_string(i));
  bench.settle();
  bench.events.clear();
  bool done = false;
  bounded([&] {
    bench.sessions->remove_endpoint("s", "publisher", [&](const auto& error) { done = !error; });
    return true;
  });
  // What its removal has not come to yet is being removed all the same.
  EXPECT_EQ(refusal(bench.sessions->create_endpoint(bench.rtp("publisher"))), ErrorKind::kWrongState);
  EXPECT_EQ(refusal(bench.sessions->switch_route({"s", "r49999", {"e1", {}, {}, {}}})),
            ErrorKind::kWrongState);
  RouteCreate again;
  again.session = "s";
  again.id = "r49999";
  again.from.endpoint = "e1";
  again.to = "e2";
  EXPECT_EQ(refusal(bench.sessions->create_route(again)), ErrorKind::kWrongState);
  EXPECT_EQ(std::get<RouteView>(bench.sessions->get_route("s", "r49999")).state, "removing");
  bool route_done = false;
  bench.sessions->remove_route("s", "r49999", [&](const auto& error) { route_done = !error; });

  std::size_t turns = 0;
  for (; !done && turns < 10000; ++turns) {
    EXPECT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->get_endpoint("s", "publisher")));
    poll();
  }
  EXPECT_TRUE(done);
  EXPECT_TRUE(route_done);
  EXPECT_GE(turns, kEndpoints / kMostRoutes);
  EXPECT_EQ(count(CommandKind::kRemoveRoute), kEndpoints);
  EXPECT_LT(place_of_last(CommandKind::kRemoveRoute), place_of_last(CommandKind::kRemoveSource));
  EXPECT_LT(place_of_last(CommandKind::kRemoveSource), place_of_last(CommandKind::kRemoveEndpoint));
  EXPECT_EQ(bench.count_events("route.removed"), kEndpoints);
  EXPECT_EQ(bench.count_events("endpoint.removed"), 1u);
  EXPECT_EQ(bench.sessions->worker_load(0).routes, 0u);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, kEndpoints);
  add_endpoint("publisher");  // the id is free again
}

TEST_F(BoundedTurnsTest, AnEndpointThatManyRoutesLeadToEndsInSteps) {
  constexpr std::size_t kRoutes = 16000;
  add_endpoint("mixer");
  add_endpoints(2);
  for (std::size_t i = 0; i < kRoutes; ++i) add_route(i, i % 2 == 0 ? "e0" : "e1", "mixer");
  bench.settle();
  bench.events.clear();
  // Routes on their way out stand between those that the removal has to find.
  for (std::size_t i = 0; i < kRoutes; i += 100)
    bench.sessions->remove_route("s", "r" + std::to_string(i), [](const auto&) {});
  bool done = false;
  bounded([&] {
    bench.sessions->remove_endpoint("s", "mixer", [&](const auto& error) { done = !error; });
    return true;
  });
  std::size_t turns = 0;
  for (; !done && turns < 10000; ++turns) poll();
  EXPECT_TRUE(done);
  EXPECT_GE(turns, kRoutes / kMostRoutes);
  EXPECT_EQ(bench.sessions->worker_load(0).routes, 0u);
  EXPECT_TRUE(bench.plane.worker(0).sources.empty());
}

TEST_F(BoundedTurnsTest, ASessionOf50000EndpointsWithTheirRoutesEndsInSteps) {
  add_endpoints(kEndpoints);
  for (std::size_t i = 1; i < kEndpoints; ++i)
    add_route(i, i < kEndpoints / 2 ? "e0" : "e" + std::to_string(i - 1), "e" + std::to_string(i));
  bench.settle();
  bench.events.clear();
  bool done = false;
  bounded([&] {
    bench.sessions->remove_session("s", [&](const auto& error) { done = !error; });
    return true;
  });
  for (std::size_t turns = 0; !done && turns < 10000; ++turns) poll();
  EXPECT_TRUE(done);
  EXPECT_EQ(bench.count_events("endpoint.removed"), kEndpoints);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 0u);
  EXPECT_EQ(bench.sessions->session_count(), 0u);
}

// All fall silent at once, so all are warned of and reclaimed at once.
TEST_F(BoundedTurnsTest, TheIdleWatchWarnsAndReclaimsAFewAtATime) {
  add_endpoints(kEndpoints);
  for (int i = 0; i < 1000 && bench.sessions->worker_load(0).endpoints > 0; ++i) {
    bench.advance(std::chrono::seconds(1));
    const auto tick = [&] { return bounded([&] { return bench.sessions->tick(bench.now); }); };
    do poll();
    while (tick() <= bench.now);
  }
  EXPECT_EQ(bench.count_events("endpoint.idle"), kEndpoints);
  EXPECT_EQ(bench.count_events("endpoint.removed"), kEndpoints);
}

TEST_F(BoundedTurnsTest, AShutdownOf50000SessionsBeginsInSteps) {
  for (std::size_t i = 1; i < kEndpoints; ++i) bench.session("x" + std::to_string(i));
  bench.settle();
  bench.events.clear();
  bool done = false;
  bounded([&] {
    bench.sessions->shut_down([&] { done = true; });
    return true;
  });
  const auto state_of = [&](const std::string& id) {
    return std::get<SessionView>(bench.sessions->get_session(id)).state;
  };
  EXPECT_EQ(state_of("s"), "removing");
  EXPECT_EQ(state_of("x9"), "active") << "its turn comes later";
  EXPECT_EQ(refusal(bench.sessions->create_session({.id = "late"})), ErrorKind::kWrongState);
  std::size_t turns = 0;
  for (; !done && turns < 10000; ++turns) poll();
  EXPECT_TRUE(done);
  EXPECT_GE(turns, kEndpoints / Removals::kSessionsPerStep);
  EXPECT_EQ(bench.count_events("session.removed"), kEndpoints);
}

}  // namespace
}  // namespace sluice::control
