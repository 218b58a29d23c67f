// session_fixture: Sessions over scripted workers. The test controls the clock, the randomness and the
// engine.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "controlplane/session/sessions.h"
#include "tests/support/scripted_plane.h"

namespace sluice::control::test {

/// A real engine that can be told to refuse to expand keys. It counts the keys that are expanded and
/// released.
class StubbornEngine final : public crypto::SrtpEngine {
 public:
  struct Switches {
    bool refuse = false;
    int refuse_after = -1;  // >= 0: the number of calls that still succeed
    std::int64_t expanded = 0;
    std::int64_t released = 0;
  };
  StubbornEngine(std::unique_ptr<crypto::SrtpEngine> real, std::shared_ptr<Switches> switches)
      : real_(std::move(real)), switches_(std::move(switches)) {}

  crypto::EngineKind kind() const override { return real_->kind(); }
  std::string description() const override { return real_->description(); }
  bool expand(const crypto::MasterKey& master, crypto::Direction direction, crypto::SrtpKeys& out) override;
  void release(crypto::SrtpKeys& keys) override;
  void protect(std::span<crypto::RtpProtectJob> jobs) override { real_->protect(jobs); }
  void unprotect(std::span<crypto::RtpUnprotectJob> jobs) override { real_->unprotect(jobs); }
  void protect_rtcp(std::span<crypto::RtcpProtectJob> jobs) override { real_->protect_rtcp(jobs); }
  void unprotect_rtcp(std::span<crypto::RtcpUnprotectJob> jobs) override { real_->unprotect_rtcp(jobs); }
  void forget(const crypto::SrtpKeys& keys, std::uint32_t ssrc) override { real_->forget(keys, ssrc); }
  std::string last_error() const override { return refused_ ? "told to refuse" : real_->last_error(); }

 private:
  std::unique_ptr<crypto::SrtpEngine> real_;
  std::shared_ptr<Switches> switches_;
  bool refused_ = false;
};

config::Config small_config();

/// A peer's host on the port's network.
inline constexpr dataplane::MacAddress kPeerMac{0x02, 0, 0, 0, 0, 0x77};

class SessionFixture {
 public:
  explicit SessionFixture(config::Config config = small_config(), std::size_t workers = 1,
                          bool with_v6 = true);
  /// `prepare` sets up the data plane before Sessions uses it.
  SessionFixture(const std::function<void(ScriptedPlane&)>& prepare, config::Config config,
                 std::size_t workers, bool with_v6 = true);

  /// Runs workers, notes and punts until nothing changes.
  void settle();
  void advance(std::chrono::milliseconds by);
  /// Calls advance() in steps, and tick() and settle() after each.
  void live(std::chrono::seconds by);

  std::string session(const std::string& id = "s");
  EndpointCreate rtp(const std::string& id, bool with_remote = true) const;
  EndpointCreate sdes(const std::string& id, bool with_remote = true) const;
  EndpointCreate webrtc(const std::string& id) const;
  EndpointView create(const EndpointCreate& request);
  RouteView route(const std::string& id, const std::string& from, const std::string& to,
                  std::optional<std::uint32_t> ssrc = {});

  /// Answers every ARP request that was sent, with peer_mac.
  void answer_arp();
  std::size_t count_events(const std::string& type) const;
  const Event* last_event(const std::string& type) const;
  /// The body of the last event of a type. REQUIRES: there was one.
  template <typename Body>
  const Body& last() const {
    return std::get<Body>(last_event(std::string(Body::kType))->body);
  }
  void expect_no_breach();

  template <typename T>
  static const RequestError& error_of(const Result<T>& result) {
    static const RequestError kNone{};
    const auto* error = std::get_if<RequestError>(&result);
    EXPECT_NE(error, nullptr) << "was not refused";
    return error == nullptr ? kNone : *error;
  }

  config::Config config;
  ScriptedPlane plane;
  std::mt19937_64 random{1};
  dataplane::MacAddress peer_mac = kPeerMac;  // MAC of the host that answers ARP
  std::shared_ptr<StubbornEngine::Switches> engine = std::make_shared<StubbornEngine::Switches>();
  std::vector<Event> events;
  Sessions::Clock::time_point now{std::chrono::hours(1)};
  std::unique_ptr<Sessions> sessions;
};

}  // namespace sluice::control::test
