// A session over several workers: blocks of endpoints, mirrors of sources, and removal in the right order.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "controlplane/session/removals.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

config::Config blocks_of(std::uint32_t size) {
  config::Config config = test::small_config();
  config.limits.session_block = size;
  return config;
}

template <typename T>
const T& made(const Result<T>& result) {
  if (const auto* error = std::get_if<RequestError>(&result)) throw std::runtime_error(error->message);
  return std::get<T>(result);
}

class LargeSessionTest : public ::testing::Test {
 protected:
  explicit LargeSessionTest(std::size_t workers = 3) : bench(blocks_of(4), workers) { bench.session(); }
  ~LargeSessionTest() override {
    bench.sessions->remove_session("s", [](auto) {});
    bench.settle();
    bench.expect_no_breach();
    for (std::size_t w = 0; w < bench.plane.worker_count(); ++w) {
      EXPECT_TRUE(bench.plane.worker(w).endpoints.empty());
      EXPECT_TRUE(bench.plane.worker(w).sources.empty());
      EXPECT_TRUE(bench.plane.worker(w).mirrors.empty());
      EXPECT_TRUE(bench.plane.worker(w).lent.empty());
      EXPECT_TRUE(bench.plane.worker(w).routes.empty());
    }
  }
  std::size_t worker_of(const std::string& id) { return made(bench.sessions->get_endpoint("s", id)).worker; }
  void fill(std::size_t endpoints) {
    for (std::size_t i = 0; i < endpoints; ++i) bench.create(bench.rtp("e" + std::to_string(i)));
    bench.settle();
  }
  std::size_t lent() {
    std::size_t count = 0;
    for (std::size_t w = 0; w < bench.plane.worker_count(); ++w) count += bench.plane.worker(w).lent.size();
    return count;
  }

  SessionFixture bench;
};

TEST_F(LargeSessionTest, BlocksGoToTheWorkersThatHaveLeast) {
  fill(24);
  std::map<std::size_t, std::size_t> endpoints;
  for (int i = 0; i < 24; ++i) ++endpoints[worker_of("e" + std::to_string(i))];
  EXPECT_EQ(endpoints, (std::map<std::size_t, std::size_t>{{0, 8}, {1, 8}, {2, 8}}));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(worker_of("e" + std::to_string(i)), worker_of("e0")) << "one block";
  const SessionView view = made(bench.sessions->get_session("s"));
  EXPECT_EQ(view.worker, worker_of("e0"));
  EXPECT_EQ(std::set(view.workers.begin(), view.workers.end()), (std::set<std::size_t>{0, 1, 2}));
  // A removed endpoint frees its place in the block.
  bench.sessions->remove_endpoint("s", "e1", [](auto) {});
  bench.settle();
  bench.create(bench.rtp("late"));
  EXPECT_EQ(worker_of("late"), worker_of("e0"));
}

TEST_F(LargeSessionTest, OneMirrorForAllTheReceiversOfAWorker) {
  fill(12);
  for (int i = 1; i < 12; ++i) bench.route("r" + std::to_string(i), "e0", "e" + std::to_string(i));
  bench.settle();
  EXPECT_EQ(lent(), 2u);
  auto& home = bench.plane.worker(worker_of("e0"));
  EXPECT_EQ(home.sources.size(), 1u);
  for (const auto& [place, mirror] : home.lent) {
    auto& other = bench.plane.worker(place.second);
    EXPECT_EQ(other.mirrors.at(mirror.slot).slot, place.first);
    EXPECT_EQ(other.sources.size(), 1u);
    EXPECT_EQ(other.routes.size(), 4u);
  }
  EXPECT_EQ(made(bench.sessions->get_route("s", "r11")).worker, worker_of("e11"));
  // With the last route of a worker, its mirror is removed, and nothing else.
  const std::size_t other = worker_of("e11");
  for (int i = 1; i < 12; ++i)
    if (worker_of("e" + std::to_string(i)) == other)
      bench.sessions->remove_route("s", "r" + std::to_string(i), [](auto) {});
  bench.settle();
  EXPECT_EQ(lent(), 1u);
  EXPECT_TRUE(bench.plane.worker(other).sources.empty());
  EXPECT_EQ(home.sources.size(), 1u);
}

TEST_F(LargeSessionTest, ThePublisherGoesFirst) {
  fill(12);
  for (int i = 1; i < 12; ++i) bench.route("r" + std::to_string(i), "e0", "e" + std::to_string(i));
  bool done = false;
  bench.sessions->remove_endpoint("s", "e0", [&](auto) { done = true; });
  bench.settle();
  EXPECT_TRUE(done);
  EXPECT_EQ(lent(), 0u);
  EXPECT_TRUE(made(bench.sessions->list_routes({.session = "s"})).views.empty());
}

// The removal of the publisher waits for the acknowledgements of all workers that have a mirror of it.
TEST_F(LargeSessionTest, ThePublisherWaitsForItsMirrors) {
  fill(8);
  bench.route("r", "e0", "e7");
  bench.settle();
  auto& other = bench.plane.worker(worker_of("e7"));
  other.hold_acks();
  bool done = false;
  bench.sessions->remove_endpoint("s", "e0", [&](auto) { done = true; });
  bench.settle();
  EXPECT_FALSE(done);
  other.release_acks();
  bench.settle();
  EXPECT_TRUE(done);
}

TEST_F(LargeSessionTest, ASwitchMovesTheRouteToAnotherMirror) {
  fill(12);
  bench.route("r", "e0", "e11");
  bench.settle();
  EXPECT_EQ(lent(), 1u);
  auto& there = bench.plane.worker(worker_of("e11"));
  for (const std::string from : {"e10", "e5", "e0", "e11"}) {
    made(bench.sessions->switch_route({"s", "r", {from, {}, {}, {}}}));
    bench.settle();
    const bool local = worker_of(from) == worker_of("e11");
    EXPECT_EQ(lent(), local ? 0u : 1u) << from;
    EXPECT_EQ(there.mirrors.size(), local ? 0u : 1u) << from;
    EXPECT_EQ(there.sources.size(), 1u) << from;
  }
}

TEST_F(LargeSessionTest, AnythingInAnyOrder) {
  std::mt19937 random(11);
  std::set<int> endpoints;
  std::set<int> routes;
  int next = 0;
  const auto any = [&](const std::set<int>& of) {
    return std::to_string(*std::next(of.begin(), static_cast<long>(random() % of.size())));
  };
  for (int step = 0; step < 3000; ++step) {
    if (random() % 4 == 0) bench.settle();
    if (random() % 50 == 0) bench.plane.worker(random() % 3).hold_acks();
    for (std::size_t w = 0; w < 3 && random() % 20 == 0; ++w) bench.plane.worker(w).release_acks();
    const auto choice = random() % 10;
    if (endpoints.size() < 3 || (choice < 2 && endpoints.size() < 40)) {
      auto request =
          random() % 2 == 0 ? bench.rtp("e" + std::to_string(next)) : bench.sdes("e" + std::to_string(next));
      if (std::holds_alternative<Created<EndpointView>>(bench.sessions->create_endpoint(request)))
        endpoints.insert(next++);
    } else if (choice < 6) {
      RouteCreate route;
      route.session = "s";
      route.id = "r" + std::to_string(next);
      route.from.endpoint = "e" + any(endpoints);
      if (random() % 3 == 0) route.from.ssrc = random() % 3;
      route.to = "e" + any(endpoints);
      route.clock_rate = 90000;
      if (std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)))
        routes.insert(next++);
    } else if (choice < 8 && !routes.empty()) {
      (void)bench.sessions->switch_route({"s", "r" + any(routes), {"e" + any(endpoints), {}, {}, {}}});
    } else if (choice == 8 && !routes.empty()) {
      const std::string id = any(routes);
      bench.sessions->remove_route("s", "r" + id, [](auto) {});
      routes.erase(std::stoi(id));
    } else if (choice == 9 && random() % 3 == 0) {
      const std::string id = any(endpoints);
      bench.sessions->remove_endpoint("s", "e" + id, [](auto) {});
      endpoints.erase(std::stoi(id));
    }
  }
  for (std::size_t w = 0; w < 3; ++w) bench.plane.worker(w).release_acks();
  bench.settle();
  EXPECT_GT(lent(), 5u) << "too few loans for a useful test";
}

// The routes of a publisher go a bounded number in each step: other work comes between.
TEST(LargeSession, APublisherOf2000RoutesEndsInSteps) {
  constexpr std::size_t kReceivers = 2000;
  config::Config config = test::small_config();
  config.limits.endpoints_per_worker = config.limits.routes_per_worker = 4096;
  config.limits.session_block = 4096;
  config.media.port_max = 30000;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.rtp("publisher"));
  for (std::size_t i = 0; i < kReceivers; ++i) {
    const std::string id = "r" + std::to_string(i);
    bench.create(bench.rtp(id, false));
    bench.route("to-" + id, "publisher", id);
    if (i % 100 == 0) bench.settle();
  }
  bench.settle();
  auto& worker = bench.plane.worker(0);
  const auto removed_since = [&](std::size_t before) {
    return static_cast<std::size_t>(std::count(worker.order.begin() + static_cast<std::ptrdiff_t>(before),
                                               worker.order.end(), dataplane::CommandKind::kRemoveRoute));
  };
  bool is_done = false;
  bench.sessions->remove_endpoint("s", "publisher", [&](auto error) { is_done = !error; });
  const auto refused = bench.sessions->create_route(
      {.session = "s",
       .id = "late",
       .from = {.endpoint = "publisher", .ssrc = {}, .payload_types = {}, .mid = {}},
       .to = "r0",
       .ssrc = {},
       .clock_rate = 8000,
       .payload_types = {},
       .header_extensions = {},
       .keyframe_on_switch = false,
       .rollover_counter = {},
       .sequence = {},
       .retransmit = {}});
  EXPECT_TRUE(std::holds_alternative<RequestError>(refused)) << "the publisher is going";
  std::size_t steps = 0;
  for (; !is_done && steps < 100; ++steps) {
    const std::size_t before = worker.order.size();
    worker.turn();
    EXPECT_LE(removed_since(before), 3 * Removals::kRoutesPerStep) << "at most two requests and a step";
    std::ignore = bench.sessions->poll(bench.now);
  }
  EXPECT_TRUE(is_done);
  EXPECT_GE(steps, kReceivers / (3 * Removals::kRoutesPerStep));
  bench.settle();
  EXPECT_TRUE(worker.routes.empty());
  EXPECT_TRUE(worker.sources.empty());
  EXPECT_EQ(worker.endpoints.size(), kReceivers);
  bench.expect_no_breach();
}

}  // namespace
}  // namespace sluice::control
