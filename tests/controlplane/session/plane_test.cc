// Sessions over the real data plane: one polling worker, a port that receives what it sends, ordinary pages.
// These tests check that a real worker behaves like the scripted workers of the other tests.
#include <gtest/gtest.h>
#include <openssl/rand.h>

#include <thread>

#include "controlplane/protocol/dtls/dtls_certificate.h"
#include "controlplane/protocol/dtls/dtls_context.h"
#include "controlplane/session/sessions.h"
#include "crypto/engine_factory.h"
#include "dataplane/worker/plane.h"

namespace sluice::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

config::Config plane_config() {
  config::Config config;
  config::Port port;
  port.name = "loop";
  port.device = "net_ring0";
  port.addresses = {*config::IpPrefix::parse("198.18.0.1/24"), *config::IpPrefix::parse("2001:db8::1/64")};
  config.ports.push_back(port);
  config.workers.idle = config::Idle::kYield;
  config.memory.huge_pages = config::HugePages::kNever;
  config.memory.size_mib = 128;
  config.memory.mbufs_per_worker = 8192;
  config.limits.endpoints_per_worker = 1024;
  config.limits.routes_per_worker = 1024;
  config.limits.streams_per_worker = 1024;
  return config;
}

// All tests share one: a process has one EAL.
class Daemon {
 public:
  static Daemon& get() {
    static Daemon daemon;
    return daemon;
  }

  void make_sessions() {
    Sessions::Options options;
    options.config = config;
    options.profiles.assign(crypto::kAllSrtpProfiles.begin(), crypto::kAllSrtpProfiles.end());
    std::string why;
    options.dtls = DtlsContext::make(DtlsCertificate::self_made(why), options.profiles, why);
    options.random = [](std::span<std::uint8_t> out) {
      RAND_bytes(out.data(), static_cast<int>(out.size()));
    };
    auto engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, why);
    sessions = std::make_unique<Sessions>(std::move(options), *media, std::move(engine));
  }

  bool run_until(const std::function<bool()>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!reached()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      (void)sessions->poll(std::chrono::steady_clock::now());
      sessions->tick(std::chrono::steady_clock::now());
      std::this_thread::yield();
    }
    return true;
  }

  config::Config config = plane_config();
  dataplane::ControlWaker waker;
  std::string error;
  std::unique_ptr<dataplane::DataPlane> plane;
  std::unique_ptr<MediaPlane> media;
  std::unique_ptr<Sessions> sessions;

 private:
  Daemon() {
    plane = dataplane::DataPlane::start(config, crypto::EngineKind::kLibsrtp, waker, error);
    if (plane) media = make_media_plane(*plane);
  }
};

class PlaneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one CPU: none left for a worker";
    ASSERT_NE(daemon().plane, nullptr) << daemon().error;
    daemon().make_sessions();
    ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(daemon().sessions->create_session({.id = "s"})));
  }
  void TearDown() override {
    if (!daemon().sessions) return;
    bool done = false;
    daemon().sessions->shut_down([&] { done = true; });
    EXPECT_TRUE(daemon().run_until([&] { return done; }));
    EXPECT_EQ(memory().counters.stale_commands.read(), 0u);
    EXPECT_EQ(memory().counters.lost_events.read(), 0u);
    daemon().sessions.reset();
  }
  static Daemon& daemon() { return Daemon::get(); }
  static dataplane::WorkerMemory& memory() { return daemon().plane->memory(0); }

  static EndpointCreate endpoint(const std::string& id, dataplane::EndpointKind kind) {
    EndpointCreate request;
    request.session = "s";
    request.id = id;
    request.kind = kind;
    if (kind == dataplane::EndpointKind::kSdes) {
      request.profile = crypto::SrtpProfile::kAesCm128HmacSha1_80;
      request.receive_key.assign(std::vector<std::uint8_t>(30, 7));
    }
    return request;
  }
  static void create(const EndpointCreate& request) {
    const auto result = daemon().sessions->create_endpoint(request);
    if (const auto* refused = std::get_if<RequestError>(&result)) FAIL() << refused->message;
  }
  static void route(const std::string& id, const std::string& from, const std::string& to) {
    RouteCreate request;
    request.session = "s";
    request.id = id;
    request.from.endpoint = from;
    request.to = to;
    request.clock_rate = 48000;
    const auto result = daemon().sessions->create_route(request);
    if (const auto* refused = std::get_if<RequestError>(&result)) FAIL() << refused->message;
  }
};

TEST_F(PlaneTest, EveryPairingIsInstalledSwitchedAndRemoved) {
  using dataplane::EndpointKind;
  const std::vector<std::string> ids{"rtp", "sdes", "web", "shared", "six"};
  create(endpoint("rtp", EndpointKind::kRtp));
  create(endpoint("sdes", EndpointKind::kSdes));
  create(endpoint("web", EndpointKind::kWebrtc));
  EndpointCreate shared = endpoint("shared", EndpointKind::kWebrtc);
  shared.transport = IceTransport::kShared;
  create(shared);
  EndpointCreate six = endpoint("six", EndpointKind::kRtp);
  six.family = config::IpFamily::kIpv6;
  create(six);
  for (const auto& from : ids)
    for (const auto& to : ids) route(from + "-" + to, from, to);
  // 5 endpoints, the sdes keys, 5 sources and 25 routes. TearDown checks that none is stale.
  ASSERT_TRUE(daemon().run_until([] { return memory().counters.commands.read() >= 36; }));
  for (const auto& to : ids) {
    const RouteSwitch change{"s", "rtp-" + to, {"sdes", 1000, {}, {}}};
    EXPECT_TRUE(std::holds_alternative<RouteView>(daemon().sessions->switch_route(change)));
  }
  bool done = false;
  daemon().sessions->remove_session("s", [&](auto refused) {
    EXPECT_FALSE(refused);
    done = true;
  });
  ASSERT_TRUE(daemon().run_until([&] { return done; }));
  for (std::uint32_t i = 0; i < 64; ++i) {  // the control thread owns the slots again
    EXPECT_FALSE(memory().routes[i].installed);
    EXPECT_FALSE(memory().sources[i].installed);
    EXPECT_FALSE(memory().endpoints[i].installed);
  }
  EXPECT_EQ(daemon().sessions->worker_load(0).endpoints, 0u);
  EXPECT_EQ(daemon().sessions->media_ports().allocated, 0u);
}

TEST_F(PlaneTest, ManyComeAndGo) {
  using dataplane::EndpointKind;
  for (int round = 0; round < 60; ++round) {
    int gone = 0;
    for (int i = 0; i < 50; ++i) {
      const std::string a = "a" + std::to_string(i);
      const std::string b = "b" + std::to_string(i);
      create(endpoint(a, i % 2 == 0 ? EndpointKind::kRtp : EndpointKind::kSdes));
      create(endpoint(b, i % 3 == 0 ? EndpointKind::kWebrtc : EndpointKind::kSdes));
      route("r" + std::to_string(i), a, b);
      for (const auto& id : {a, b}) daemon().sessions->remove_endpoint("s", id, [&](auto) { ++gone; });
    }
    ASSERT_TRUE(daemon().run_until([&] { return gone == 100; })) << round;
  }
  EXPECT_EQ(daemon().sessions->totals().endpoints_removed, 6000u);
  EXPECT_EQ(daemon().sessions->media_ports().allocated, 0u);
}

TEST_F(PlaneTest, OurFramesLeaveAndTheLedgerCloses) {
  EndpointCreate signalled = endpoint("a", dataplane::EndpointKind::kRtp);
  signalled.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 9), 5000, 0};
  create(signalled);
  const auto& counters = memory().counters;
  // Announcements and the request for the peer's MAC. The port receives what it sends, so they arrive too.
  ASSERT_TRUE(daemon().run_until([&] {
    return counters.injected.read() >= 3 && counters.received.read() >= counters.transmitted.read();
  }));
  EXPECT_TRUE(daemon().run_until([&] { return dataplane::read_ledger(counters).balanced(); }));
  EXPECT_EQ(daemon().sessions->totals().frames_dropped, 0u);
}

}  // namespace
}  // namespace sluice::control
