// dtls: real handshakes in memory between DtlsTransport and OpenSSL used directly (dtls_peer.h), in both
// roles: keys, fingerprints, alerts, and how an association ends.
#include <algorithm>

#include "tests/controlplane/protocol/dtls_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

INSTANTIATE_TEST_SUITE_P(Both, DtlsRoles, ::testing::Values(DtlsRole::kActive, DtlsRole::kPassive),
                         [](const auto& param) {
                           return param.param == DtlsRole::kActive ? "Active" : "Passive";
                         });

TEST_P(DtlsRoles, EveryProfileYieldsThePeersKeys) {
  for (const SrtpProfile profile : kAll) {
    const auto info = crypto::profile_info(profile);
    const std::string name(info.dtls_name);
    PeerOptions options = peer_options();
    options.profiles = name.c_str();
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam());
    connect(endpoint, peer);
    EXPECT_EQ(endpoint.profile, profile);
    EXPECT_EQ(peer.profile_name(), name);
    const std::size_t k = info.key_length;
    const std::size_t s = info.salt_length;
    const Bytes material = peer.keying_material(2 * (k + s));
    const auto at = [&](std::size_t offset, std::size_t length) {
      return to_bytes(std::span(material).subspan(offset, length));
    };
    const bool client = GetParam() == DtlsRole::kActive;
    const crypto::MasterKey& first = client ? endpoint.send_key : endpoint.receive_key;
    const crypto::MasterKey& second = client ? endpoint.receive_key : endpoint.send_key;
    EXPECT_EQ(to_bytes(first.key.bytes()), at(0, k));
    EXPECT_EQ(to_bytes(second.key.bytes()), at(k, k));
    EXPECT_EQ(to_bytes(first.salt.bytes()), at(2 * k, s));
    EXPECT_EQ(to_bytes(second.salt.bytes()), at(2 * k + s, s));
    EXPECT_EQ(first.profile, profile);
    EXPECT_EQ(second.profile, profile);
    EXPECT_EQ(endpoint.transport->state(), DtlsState::kConnected);
    EXPECT_FALSE(endpoint.transport->next_timeout());
  }
}

TEST(Dtls, OffersItsProfilesInOrder) {
  DtlsPeer client({.client = true, .profiles = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM"});
  Endpoint passive(DtlsRole::kPassive, {SrtpProfile::kAeadAes256Gcm, SrtpProfile::kAesCm128HmacSha1_80});
  connect(passive, client);
  EXPECT_EQ(passive.profile, SrtpProfile::kAeadAes256Gcm);
  Endpoint active(DtlsRole::kActive, {SrtpProfile::kAesCm128HmacSha1_32, SrtpProfile::kAeadAes128Gcm});
  active.transport->start(Clock::now());
  ASSERT_FALSE(active.sent.empty());
  // use_srtp (14), 7 bytes: list of 4 bytes, the ids in order, no MKI.
  const Bytes extension{0, 14, 0, 7, 0, 4, 0, 2, 0, 7, 0};
  const Bytes& hello = active.sent.front();
  EXPECT_NE(std::search(hello.begin(), hello.end(), extension.begin(), extension.end()), hello.end());
}

TEST(Dtls, TwoTransportsAgree) {
  Endpoint active(DtlsRole::kActive), passive(DtlsRole::kPassive);
  std::string error;
  const auto ours = DtlsFingerprint::parse("sha-256", certificate()->sha256_fingerprint(), error);
  ASSERT_TRUE(ours) << error;
  active.transport->set_fingerprints({*ours}, Clock::now());
  passive.transport->set_fingerprints({*ours}, Clock::now());
  active.transport->start(Clock::now());
  while (!active.sent.empty() || !passive.sent.empty()) {
    for (auto [from, to] : {std::pair{&active, &passive}, std::pair{&passive, &active}}) {
      if (from->sent.empty()) continue;
      to->transport->receive(from->sent.front(), Clock::now());
      from->sent.pop_front();
    }
  }
  ASSERT_EQ(active.connected, 1);
  ASSERT_EQ(passive.connected, 1);
  EXPECT_EQ(to_bytes(active.send_key.key.bytes()), to_bytes(passive.receive_key.key.bytes()));
  EXPECT_EQ(to_bytes(active.receive_key.salt.bytes()), to_bytes(passive.send_key.salt.bytes()));
  EXPECT_NE(to_bytes(active.send_key.key.bytes()), to_bytes(active.receive_key.key.bytes()));
}

TEST_P(DtlsRoles, NoCommonProfileIsToldToThePeer) {
  for (const char* profiles : {"SRTP_AES128_CM_SHA1_32", static_cast<const char*>(nullptr)}) {
    PeerOptions options = peer_options();
    options.profiles = profiles;
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam(), {SrtpProfile::kAeadAes128Gcm});
    endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
    begin(endpoint, peer);
    exchange(endpoint, peer);
    EXPECT_EQ(endpoint.failure, DtlsFailure::kNoSrtpProfile);
    EXPECT_EQ(endpoint.failed, 1);
    EXPECT_EQ(endpoint.connected, 0);
    EXPECT_EQ(peer.error, "sslv3 alert handshake failure");
  }
}

TEST_P(DtlsRoles, WrongFingerprintIsAnAlert) {
  DtlsPeer peer(peer_options()), other(peer_options());
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints(fingerprints_of(other), Clock::now());
  begin(endpoint, peer);
  exchange(endpoint, peer);
  EXPECT_EQ(endpoint.failure, DtlsFailure::kFingerprintMismatch);
  EXPECT_EQ(endpoint.failed, 1);
  EXPECT_EQ(endpoint.connected, 0);
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kFailed);
  EXPECT_EQ(peer.error, "sslv3 alert bad certificate");
  endpoint.transport->close();
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kFailed);
}

TEST_P(DtlsRoles, WaitsForTheFingerprints) {
  DtlsPeer peer(peer_options()), other(peer_options());
  for (const bool right : {true, false}) {
    DtlsPeer mine(peer_options());
    Endpoint endpoint(GetParam());
    begin(endpoint, mine);
    exchange(endpoint, mine);
    EXPECT_EQ(endpoint.connected, 0);
    EXPECT_EQ(endpoint.transport->state(), DtlsState::kHandshaking);
    // The peer has finished. The time limit of the handshake stops while we wait for signalling.
    const auto later = Clock::now() + 1h;
    endpoint.transport->on_timer(later);
    EXPECT_EQ(endpoint.failed, 0);
    endpoint.transport->set_fingerprints(fingerprints_of(right ? mine : other), later);
    exchange(endpoint, mine);
    EXPECT_EQ(endpoint.connected, right ? 1 : 0) << endpoint.text;
    EXPECT_EQ(mine.connected, right);
    if (!right) {
      EXPECT_EQ(endpoint.failure, DtlsFailure::kFingerprintMismatch);
      EXPECT_EQ(mine.error, "sslv3 alert bad certificate");
    }
  }
}

TEST_P(DtlsRoles, CloseIsSeenByThePeer) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam());
  connect(endpoint, peer);
  endpoint.transport->close();
  ASSERT_EQ(endpoint.sent.size(), 1U);
  exchange(endpoint, peer);
  EXPECT_TRUE(peer.closed);
  EXPECT_EQ(peer.error, "");
  EXPECT_EQ(endpoint.closed, 0);
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kClosed);
  endpoint.transport->close();
  EXPECT_TRUE(endpoint.sent.empty());
}

TEST_P(DtlsRoles, ThePeersCloseIsAnswered) {
  for (const char* cipher : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"}) {
    PeerOptions options = peer_options();
    options.ciphers = cipher;
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam());
    connect(endpoint, peer);
    peer.shut_down();
    exchange(endpoint, peer);
    EXPECT_EQ(endpoint.closed, 1);
    EXPECT_EQ(endpoint.failed, 0);
    EXPECT_EQ(endpoint.transport->state(), DtlsState::kClosed);
    peer.run();
    EXPECT_TRUE(peer.closed);
  }
}

TEST(Dtls, AServerMayAskForACookie) {
  DtlsPeer peer({.client = false, .asks_for_cookie = true});
  Endpoint endpoint(DtlsRole::kActive);
  connect(endpoint, peer);
}

TEST_P(DtlsRoles, CloseWithinTheHandshakeIsSeenByThePeer) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam());
  begin(endpoint, peer);
  exchange(endpoint, peer);  // up to the wait for fingerprints
  ASSERT_EQ(endpoint.transport->state(), DtlsState::kHandshaking);
  endpoint.transport->close();
  ASSERT_EQ(endpoint.sent.size(), 1U);
  exchange(endpoint, peer);
  EXPECT_TRUE(peer.closed) << peer.error;
}

TEST_P(DtlsRoles, FailTellsThePeerInternalError) {
  for (const char* cipher : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"}) {
    for (const bool within_callback : {false, true}) {
      PeerOptions options = peer_options();
      options.ciphers = cipher;
      DtlsPeer peer(options);
      Endpoint endpoint(GetParam());
      if (within_callback)
        endpoint.when_connected = [&] { endpoint.transport->fail("keys would not install"); };
      connect(endpoint, peer);
      EXPECT_EQ(peer.cipher(), cipher);
      if (!within_callback) {
        peer.write("so that sequence numbers differ");
        exchange(endpoint, peer);
        endpoint.transport->fail("keys would not install");
      }
      exchange(endpoint, peer);
      EXPECT_EQ(peer.error, "tlsv1 alert internal error");
      EXPECT_EQ(endpoint.failure, DtlsFailure::kInternalError);
      EXPECT_EQ(endpoint.text, "keys would not install");
      EXPECT_EQ(endpoint.failed, 1);
      endpoint.transport->fail("again");
      EXPECT_EQ(endpoint.failed, 1);
    }
  }
}

TEST_P(DtlsRoles, ThePeersAlertIsNamed) {
  PeerOptions options = peer_options();
  options.accept_peer = false;
  DtlsPeer peer(options);
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  exchange(endpoint, peer);
  EXPECT_EQ(endpoint.failed, 0) << "any host can send an alert in plain text";
  const auto due = endpoint.transport->next_timeout();
  ASSERT_TRUE(due);
  EXPECT_LE(*due, Clock::now() + kDtlsAlertGrace);
  let_alert_grace_pass(endpoint);
  EXPECT_EQ(endpoint.failure, DtlsFailure::kAlertReceived);
  EXPECT_EQ(endpoint.text, "bad_certificate");
}

TEST_P(DtlsRoles, RefusesOldVersionsAndMissingCertificates) {
  PeerOptions options = peer_options();
  options.max_version = DTLS1_VERSION;
  options.ciphers = "ALL:@SECLEVEL=0";
  DtlsPeer old(options);
  Endpoint first(GetParam());
  first.transport->set_fingerprints(fingerprints_of(old), Clock::now());
  begin(first, old);
  exchange(first, old);
  let_alert_grace_pass(first);
  EXPECT_EQ(first.connected, 0);
  EXPECT_EQ(first.failed, 1);
  options = peer_options();
  options.show_certificate = false;
  DtlsPeer bare(options);
  Endpoint second(GetParam());
  second.transport->set_fingerprints(fingerprints_of(bare), Clock::now());
  begin(second, bare);
  exchange(second, bare);
  let_alert_grace_pass(second);
  EXPECT_EQ(second.connected, 0);
  EXPECT_EQ(second.failed, 1);
}

TEST_P(DtlsRoles, TakesAPeerWithAnRsaCertificate) {
  PeerOptions options = peer_options();
  options.rsa = true;
  DtlsPeer peer(options);
  Endpoint endpoint(GetParam());
  connect(endpoint, peer);
}

TEST_P(DtlsRoles, TheStrongestHashDecides) {
  struct Case {
    const char* name;
    bool good256, has512, good512, connects;
  };
  for (const Case& c :
       {Case{"both right", true, true, true, true}, Case{"weak right", true, true, false, false},
        Case{"strong right", false, true, true, true}, Case{"weak only", true, false, false, true}}) {
    DtlsPeer peer(peer_options()), other(peer_options());
    std::string error;
    std::vector<DtlsFingerprint> set{
        *DtlsFingerprint::parse("sha-256", (c.good256 ? peer : other).fingerprint(EVP_sha256()), error)};
    if (c.has512)
      set.push_back(
          *DtlsFingerprint::parse("sha-512", (c.good512 ? peer : other).fingerprint(EVP_sha512()), error));
    Endpoint endpoint(GetParam());
    endpoint.transport->set_fingerprints(set, Clock::now());
    begin(endpoint, peer);
    exchange(endpoint, peer);
    EXPECT_EQ(endpoint.connected == 1, c.connects) << c.name;
  }
  // Two fingerprints with the same hash function, as during a change of certificate: either is accepted.
  DtlsPeer peer(peer_options()), other(peer_options());
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints({fingerprints_of(other)[0], fingerprints_of(peer)[0]}, Clock::now());
  begin(endpoint, peer);
  exchange(endpoint, peer);
  EXPECT_EQ(endpoint.connected, 1);
}

TEST(DtlsTransport, RefusesAnMtuThatOpensslCannotKeep) {
  std::string error;
  const auto context = DtlsContext::make(certificate(), kAll, error);
  DtlsOptions options;
  options.mtu = kDtlsMtuMin - 1;
  EXPECT_FALSE(DtlsTransport::make(context, options, {}, error));
  EXPECT_NE(error.find("at least 280"), std::string::npos) << error;
}

}  // namespace
}  // namespace sluice::control
