// What a webrtc endpoint costs the control thread's heap, in each state. docs/scaling.md has these figures.
#include <gtest/gtest.h>
#include <malloc.h>

#include <functional>
#include <utility>

#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using test::SessionFixture;
using test::WebPeer;

constexpr int kEndpoints = 100;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCountsTheHeap = false;  // another allocator
#else
constexpr bool kCountsTheHeap = true;
#endif

config::Config roomy_config() {
  config::Config config = test::small_config();
  config.limits.endpoints_per_worker = 2 * kEndpoints;
  config.media.port_max = static_cast<std::uint16_t>(config.media.port_min + 4 * kEndpoints);
  return config;
}

/// Bytes of heap per endpoint after `bring` has brought it into its state. The peer is gone by then.
std::size_t cost_of(const std::function<void(WebPeer&)>& bring) {
  SessionFixture bench(roomy_config(), 1);
  bench.session();
  const auto make = [&](int number) {
    EndpointCreate request = bench.webrtc("w" + std::to_string(number));
    const EndpointView view = bench.create(request);
    bench.settle();
    WebPeer peer(bench, view, static_cast<std::uint16_t>(30000 + number));
    EndpointConnect connect;
    connect.session = "s";
    connect.id = view.id;
    connect.fingerprints = {peer.fingerprint()};
    connect.ice_ufrag = peer.ufrag;
    connect.ice_password = "peersOwnPasswordOf24char";
    EXPECT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(connect)));
    bring(peer);
  };
  make(0);  // what is made once is there now
  bench.events.clear();
  bench.events.shrink_to_fit();
  const std::size_t before = mallinfo2().uordblks;
  for (int i = 1; i <= kEndpoints; ++i) make(i);
  bench.events.clear();
  bench.events.shrink_to_fit();
  return (mallinfo2().uordblks - before) / kEndpoints;
}

TEST(WebrtcMemory, EachStateHasItsLimit) {
  if (!kCountsTheHeap) GTEST_SKIP() << "the sanitizer has its own allocator";
  struct Case {
    const char* state;
    std::function<void(WebPeer&)> bring;
    std::size_t limit;
  };
  const Case cases[] = {
      {"created", [](WebPeer&) {}, 8 * 1024},
      {"half open",
       [](WebPeer& peer) {
         peer.mute = true;
         peer.check();
         peer.start_dtls();
       },
       56 * 1024},  // 45 KiB are OpenSSL's, 21 of them one buffer that it needs until the end
      {"connected",
       [](WebPeer& peer) {
         peer.check();
         peer.start_dtls();
         EXPECT_TRUE(peer.profile);
       },
       16 * 1024},
  };
  for (const Case& c : cases) {
    const std::size_t cost = cost_of(c.bring);
    RecordProperty(c.state, std::to_string(cost));
    EXPECT_LE(cost, c.limit) << c.state;
  }
}

}  // namespace
}  // namespace sluice::control
