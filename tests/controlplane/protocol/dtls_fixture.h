// dtls_fixture: a DtlsTransport with a record of its callbacks, and functions that connect it with dtls_peer.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/protocol/dtls/dtls_transport.h"
#include "tests/controlplane/protocol/dtls_peer.h"

namespace sluice::control::test {

using namespace std::chrono_literals;
using crypto::SrtpProfile;
using Clock = std::chrono::steady_clock;

inline std::shared_ptr<const DtlsCertificate> certificate() {
  static const auto made = [] {
    std::string error;
    return DtlsCertificate::self_made(error);
  }();
  return made;
}

inline std::vector<DtlsFingerprint> fingerprints_of(const DtlsPeer& peer) {
  std::string error;
  return {*DtlsFingerprint::parse("SHA-256", peer.fingerprint(EVP_sha256()), error)};
}

inline const std::vector<SrtpProfile> kAll(crypto::kAllSrtpProfiles.begin(), crypto::kAllSrtpProfiles.end());

// A transport and what its callbacks reported.
struct Endpoint {
  explicit Endpoint(DtlsRole role, std::vector<SrtpProfile> profiles = kAll, std::uint16_t mtu = 1200,
                    std::chrono::milliseconds retransmit = 20ms) {
    std::string error;
    auto context = DtlsContext::make(certificate(), profiles, error);
    EXPECT_TRUE(context) << error;
    DtlsOptions options;
    options.role = role;
    options.mtu = mtu;
    options.retransmit_initial = retransmit;
    DtlsTransport::Callbacks callbacks;
    callbacks.send = [this](std::span<const std::uint8_t> datagram) {
      sent.emplace_back(datagram.begin(), datagram.end());
    };
    callbacks.on_connected = [this](SrtpProfile p, const crypto::MasterKey& send,
                                    const crypto::MasterKey& receive) {
      profile = p;
      send_key = send;
      receive_key = receive;
      ++connected;
      if (when_connected) when_connected();
    };
    callbacks.on_failed = [this](DtlsFailure reason, const std::string& why) {
      failure = reason;
      text = why;
      ++failed;
    };
    callbacks.on_closed = [this] { ++closed; };
    transport = DtlsTransport::make(context, options, callbacks, error);
    EXPECT_TRUE(transport) << error;
  }

  std::unique_ptr<DtlsTransport> transport;
  std::deque<Bytes> sent;
  std::function<void()> when_connected;
  int connected = 0, failed = 0, closed = 0;
  std::optional<SrtpProfile> profile;
  crypto::MasterKey send_key, receive_key;
  std::optional<DtlsFailure> failure;
  std::string text;
};

// Carries datagrams in both directions until neither side has any.
inline void exchange(Endpoint& endpoint, DtlsPeer& peer) {
  while (!endpoint.sent.empty() || !peer.sent.empty()) {
    if (!endpoint.sent.empty()) {
      const Bytes datagram = std::move(endpoint.sent.front());
      endpoint.sent.pop_front();
      peer.receive(datagram);
    }
    if (!peer.sent.empty()) {
      const Bytes datagram = std::move(peer.sent.front());
      peer.sent.pop_front();
      endpoint.transport->receive(datagram, Clock::now());
    }
  }
}

// The peer sends nothing for so long that a plain-text alert is believed.
inline void let_alert_grace_pass(Endpoint& endpoint) {
  endpoint.transport->on_timer(Clock::now() + kDtlsAlertGrace);
}

inline void begin(Endpoint& endpoint, DtlsPeer& peer) {
  endpoint.transport->start(Clock::now());
  peer.run();
}

inline void connect(Endpoint& endpoint, DtlsPeer& peer) {
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  exchange(endpoint, peer);
  ASSERT_EQ(endpoint.connected, 1) << endpoint.text << " / " << peer.error;
  ASSERT_TRUE(peer.connected);
}

inline Bytes to_bytes(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

class DtlsRoles : public ::testing::TestWithParam<DtlsRole> {
 protected:
  PeerOptions peer_options() const { return {.client = GetParam() == DtlsRole::kPassive}; }
};
}  // namespace sluice::control::test
