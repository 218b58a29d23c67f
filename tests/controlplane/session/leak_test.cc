// 100,000 objects are created and removed, by request or because they are idle: no port, slot, frame or byte
// is leaked.
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

constexpr int kCycles = 100000;

// The allocator of a sanitizer does not count bytes. AddressSanitizer finds leaks itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kBytesKnown = false;
#else
constexpr bool kBytesKnown = true;
#endif

config::Config leak_config() {
  config::Config config = test::small_config();
  config.limits.idle_timeout_s = 10;
  return config;
}

class LeakTest : public ::testing::Test {
 protected:
  LeakTest() : bench(leak_config(), 2) {}

  void create_call(int i) {
    const std::string session = "s" + std::to_string(i % 8);
    if (!std::holds_alternative<Created<SessionView>>(bench.sessions->create_session({.id = session})))
      return;
    EndpointCreate request = i % 3 == 0 ? bench.rtp("a") : i % 3 == 1 ? bench.sdes("a") : bench.webrtc("a");
    if (i % 6 == 5) request.transport = IceTransport::kShared;
    request.session = session;
    ASSERT_TRUE(std::holds_alternative<Created<EndpointView>>(bench.sessions->create_endpoint(request)));
    request = i % 2 == 0 ? bench.rtp("b") : bench.sdes("b");
    request.session = session;
    ASSERT_TRUE(std::holds_alternative<Created<EndpointView>>(bench.sessions->create_endpoint(request)));
    RouteCreate route;
    route.session = session;
    route.id = "r";
    route.from.endpoint = "a";
    route.to = "b";
    route.clock_rate = 48000;
    ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  }

  void settle() {
    bench.answer_arp();
    bench.settle();
    for (std::size_t w = 0; w < 2; ++w) {
      auto& worker = bench.plane.worker(w);
      worker.order.clear();
      worker.remotes.clear();
      worker.keyed.clear();
      worker.injected.clear();
      worker.first_indices.clear();
    }
    bench.events.clear();
  }

  void expect_empty() {
    EXPECT_EQ(bench.sessions->session_count(), 0u);
    for (std::size_t w = 0; w < 2; ++w) {
      const auto load = bench.sessions->worker_load(w);
      EXPECT_EQ(load.endpoints, 0u);
      EXPECT_EQ(load.routes, 0u);
      EXPECT_EQ(load.sessions, 0u);
      EXPECT_TRUE(bench.plane.worker(w).sources.empty());
    }
    const auto ports = bench.sessions->media_ports();
    EXPECT_EQ(ports.allocated, 0u);
    EXPECT_EQ(ports.free, 2000u) << "1000 at each address";
    EXPECT_EQ(bench.engine->expanded, bench.engine->released);
    EXPECT_EQ(bench.plane.frames_alive(), 0);
    const auto totals = bench.sessions->totals();
    EXPECT_EQ(totals.sessions_created, totals.sessions_removed);
    EXPECT_EQ(totals.endpoints_created, totals.endpoints_removed);
    EXPECT_EQ(totals.routes_created, totals.routes_removed);
    bench.expect_no_breach();
  }

  SessionFixture bench;
};

TEST_F(LeakTest, CreatedAndRemoved) {
  std::size_t after_warm_up = 0;
  const int calls = kCycles / 2;  // each call has two endpoints
  for (int i = 0; i < calls; ++i) {
    create_call(i);
    if (i % 8 != 7) continue;
    for (int s = 0; s < 8; ++s) bench.sessions->remove_session("s" + std::to_string(s), [](auto) {});
    settle();
    if (i == calls / 10 / 8 * 8 + 7) after_warm_up = mallinfo2().uordblks;
  }
  for (int s = 0; s < 8; ++s) bench.sessions->remove_session("s" + std::to_string(s), [](auto) {});
  settle();
  expect_empty();
  EXPECT_EQ(bench.sessions->totals().endpoints_created, static_cast<std::uint64_t>(kCycles));
  if (!kBytesKnown) return;
  ASSERT_NE(after_warm_up, 0u);
  EXPECT_LT(mallinfo2().uordblks, after_warm_up + 65536) << "bytes in use grew over 90,000 endpoints";
}

TEST_F(LeakTest, CreatedAndAbandoned) {
  std::size_t after_warm_up = 0;
  int created = 0;
  for (int round = 0; created < kCycles; ++round) {
    for (int i = 0; i < 8; ++i) {
      for (int copy = 0; copy < 24; ++copy) {
        const std::string session = "s" + std::to_string(i);
        ASSERT_TRUE(
            std::holds_alternative<Created<SessionView>>(bench.sessions->create_session({.id = session})));
        EndpointCreate request = copy % 3 == 0   ? bench.rtp("e" + std::to_string(copy))
                                 : copy % 3 == 1 ? bench.sdes("e" + std::to_string(copy))
                                                 : bench.webrtc("e" + std::to_string(copy));
        request.session = session;
        ASSERT_TRUE(std::holds_alternative<Created<EndpointView>>(bench.sessions->create_endpoint(request)));
        ++created;
      }
    }
    // No peer sends to these endpoints.
    for (int i = 0; i < 12; ++i) {
      bench.advance(std::chrono::seconds(1));
      while (bench.sessions->tick(bench.now) <= bench.now) {
      }
      settle();
    }
    if (round == 50) after_warm_up = mallinfo2().uordblks;
  }
  bench.live(std::chrono::seconds(25));
  settle();
  expect_empty();
  EXPECT_EQ(bench.sessions->totals().endpoints_idle_reclaimed, static_cast<std::uint64_t>(created));
  if (!kBytesKnown) return;
  ASSERT_NE(after_warm_up, 0u);
  EXPECT_LT(mallinfo2().uordblks, after_warm_up + 65536);
}

}  // namespace
}  // namespace sluice::control
