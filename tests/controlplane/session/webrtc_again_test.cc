// webrtc endpoints that did not connect: what the operator sees of it, and how they are connected again.
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/engine_factory.h"
#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using std::chrono::seconds;
using test::SessionFixture;
using test::WebPeer;

class WebrtcAgainTest : public ::testing::Test {
 protected:
  WebrtcAgainTest() { bench.session(); }
  ~WebrtcAgainTest() override { bench.expect_no_breach(); }

  EndpointView open(DtlsSetup setup = DtlsSetup::kPassive, const std::string& id = "w") {
    EndpointCreate request = bench.webrtc(id);
    request.setup = setup;
    bench.create(request);
    bench.settle();
    return view(id);
  }
  Result<EndpointView> connect(const WebPeer& peer, const std::vector<Fingerprint>& fingerprints) {
    EndpointConnect request;
    request.session = "s";
    request.id = peer.view.id;
    request.fingerprints = fingerprints;
    request.ice_ufrag = peer.ufrag;
    request.ice_password = "peersOwnPasswordOf24char";
    return bench.sessions->connect_endpoint(request);
  }
  bool connects(const WebPeer& peer, const std::vector<Fingerprint>& fingerprints) {
    return std::holds_alternative<EndpointView>(connect(peer, fingerprints));
  }
  EndpointView view(const std::string& id = "w") {
    return std::get<EndpointView>(bench.sessions->get_endpoint("s", id));
  }

  SessionFixture bench;
};

TEST_F(WebrtcAgainTest, AFailedEndpointIsConnectedAgain) {
  for (const DtlsSetup setup : {DtlsSetup::kPassive, DtlsSetup::kActive}) {
    WebPeer first(bench, open(setup));
    WebPeer second(bench, view());
    ASSERT_TRUE(connects(first, {second.fingerprint()}));
    first.check();
    first.start_dtls();
    ASSERT_EQ(view().state, EndpointState::kFailed);
    EXPECT_EQ(view().reason, "fingerprint_mismatch");
    EXPECT_NE(view().text.find("none of the signalled fingerprints"), std::string::npos) << view().text;
    EndpointConnect nothing;
    nothing.session = "s";
    nothing.id = "w";
    const auto refused = bench.sessions->connect_endpoint(nothing);
    EXPECT_EQ(SessionFixture::error_of(refused).kind, ErrorKind::kWrongState);
    EXPECT_NE(SessionFixture::error_of(refused).message.find("dtls.fingerprints"), std::string::npos);

    ASSERT_TRUE(connects(second, {second.fingerprint()})) << "the same fingerprints begin anew, too";
    EXPECT_EQ(view().text, "");
    EXPECT_EQ(view().fingerprint, first.view.fingerprint) << "the peer was told of it";
    second.exchange();
    second.check();
    second.start_dtls();
    EXPECT_TRUE(second.profile);
    EXPECT_EQ(view().state, EndpointState::kConnected);
    EXPECT_EQ(view().reason, "");
    bench.live(seconds(20));
    second.check();
    EXPECT_EQ(view().state, EndpointState::kConnected) << "the old association has no timer left";
    bench.sessions->remove_endpoint("s", "w", [](auto) {});
    second.exchange();
    EXPECT_TRUE(second.closed);
  }
  EXPECT_EQ(bench.count_events("endpoint.connected"), 2u);
}

TEST_F(WebrtcAgainTest, OtherFingerprintsInTheHandshakeBeginANewOne) {
  WebPeer first(bench, open(DtlsSetup::kPassive));
  WebPeer second(bench, view());
  ASSERT_TRUE(connects(first, {first.fingerprint()}));
  first.mute = true;
  first.check();
  first.start_dtls();
  ASSERT_EQ(view().dtls_state, "handshaking");
  ASSERT_TRUE(connects(second, {second.fingerprint()}));
  EXPECT_EQ(view().dtls_state, "new");
  second.start_dtls();
  EXPECT_TRUE(second.profile);
}

// A call is transferred to another device. It has another certificate, and other ICE credentials and
// addresses.
TEST_F(WebrtcAgainTest, OtherFingerprintsInACallBringOtherKeys) {
  for (const DtlsSetup setup : {DtlsSetup::kPassive, DtlsSetup::kActive}) {
    const std::string id = setup == DtlsSetup::kActive ? "active" : "passive";
    WebPeer first(bench, open(setup, id));
    ASSERT_TRUE(connects(first, {first.fingerprint()}));
    first.check();
    first.start_dtls();
    ASSERT_TRUE(first.profile);
    auto& worker = bench.plane.worker(0);
    const std::size_t connected = bench.count_events("endpoint.connected");

    WebPeer second(bench, view(id), 40002);
    second.ufrag = "other";
    second.beside = &first;
    ASSERT_TRUE(connects(second, {second.fingerprint()}));
    second.view = view(id);
    EXPECT_NE(second.view.ice_ufrag, first.view.ice_ufrag);
    EXPECT_EQ(second.view.fingerprint, first.view.fingerprint) << "sluice keeps its certificate";
    EXPECT_EQ(view(id).state, EndpointState::kConnected) << "the keys of before are in use";
    const std::size_t updates = worker.terms.size();
    EXPECT_EQ(worker.remotes.back().address, first.address) << "media stays until there are keys";
    EXPECT_FALSE(first.closed);
    second.check();  // an active sluice begins the handshake
    if (setup == DtlsSetup::kPassive) {
      EXPECT_EQ(worker.remotes.back().address, first.address);
    }
    second.start_dtls();
    ASSERT_TRUE(second.profile) << second.failure;
    EXPECT_FALSE(first.profile && first.send_key.key.bytes()[0] == second.send_key.key.bytes()[0] &&
                 first.send_key.key.bytes()[1] == second.send_key.key.bytes()[1]);
    EXPECT_TRUE(first.closed) << "the former association ends with a close_notify";
    ASSERT_EQ(worker.terms.size(), updates + 1);
    EXPECT_TRUE(worker.terms.back().new_receive && worker.terms.back().new_send);
    EXPECT_TRUE(worker.terms.back().send_restarts);
    EXPECT_EQ(worker.remotes.back().address, second.address);
    EXPECT_EQ(bench.count_events("endpoint.connected"), connected + 1);
    EXPECT_EQ(view(id).dtls_state, "connected");
    bench.sessions->remove_endpoint("s", id, [](auto) {});
    second.exchange();
    EXPECT_TRUE(second.closed);
  }
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
}

TEST_F(WebrtcAgainTest, ATransferThatFailsEndsTheEndpoint) {
  WebPeer first(bench, open());
  ASSERT_TRUE(connects(first, {first.fingerprint()}));
  first.check();
  first.start_dtls();
  ASSERT_TRUE(first.profile);
  WebPeer second(bench, view(), 40002);
  WebPeer stranger(bench, view(), 40003);
  second.beside = &first;
  second.ufrag = "other";
  ASSERT_TRUE(connects(second, {stranger.fingerprint()}));
  second.view = view();
  second.check();
  first.close();
  EXPECT_EQ(view().state, EndpointState::kConnected) << "what the former peer says does not count any more";
  second.start_dtls();
  EXPECT_EQ(bench.count_events("endpoint.removed"), 1u);
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "fingerprint_mismatch");
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
}

TEST_F(WebrtcAgainTest, UnknownFingerprintAlgorithmsArePassedOver) {
  WebPeer peer(bench, open());
  const Fingerprint sha1{"sha-1", "AA:BB"};
  Fingerprint upper = peer.fingerprint();
  upper.algorithm = "SHA-256";
  EXPECT_NE(SessionFixture::error_of(connect(peer, {sha1})).message.find("at least one of sha-256"),
            std::string::npos);
  ASSERT_TRUE(connects(peer, {sha1, upper}));
  peer.check();
  peer.start_dtls();
  EXPECT_TRUE(peer.profile);
  EXPECT_TRUE(connects(peer, {peer.fingerprint()})) << "they are the same";
}

TEST_F(WebrtcAgainTest, RefusedChecksAreCountedByReason) {
  WebPeer peer(bench, open());
  ASSERT_TRUE(connects(peer, {peer.fingerprint()}));
  peer.check(true, "this-is-not-the-password");
  peer.check(true, "this-is-not-the-password");
  peer.view.ice_ufrag = "wrong";
  peer.check();
  using Counts = std::vector<std::pair<std::string_view, std::uint64_t>>;
  EXPECT_EQ(view().ice_refused, (Counts{{"wrong_local_ufrag", 1}, {"bad_integrity", 2}}));
}

TEST_F(WebrtcAgainTest, APeerThatSendsNoChecksIsNamed) {
  WebPeer peer(bench, open());
  bench.live(seconds(20));
  EXPECT_EQ(view().text, "") << "the peer is not known yet";
  ASSERT_TRUE(connects(peer, {peer.fingerprint()}));
  bench.live(seconds(14));
  EXPECT_EQ(view().text, "");
  bench.live(seconds(2));
  EXPECT_NE(view().text.find("must be a full ICE agent"), std::string::npos) << view().text;
  peer.check();
  EXPECT_EQ(view().text, "");
}

TEST_F(WebrtcAgainTest, ASelfMadeCertificateIsRenewedForNewEndpoints) {
  std::string error;
  Sessions::Options options;
  options.config = bench.config;
  options.profiles.assign(crypto::kAllSrtpProfiles.begin(), crypto::kAllSrtpProfiles.end());
  options.dtls = DtlsContext::make(DtlsCertificate::self_made(error, std::chrono::hours(24 * 29)),
                                   options.profiles, error);
  options.random = [this](std::span<std::uint8_t> out) {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(bench.random());
  };
  options.clock = [this] { return bench.now; };
  auto engine = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine) engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
  bench.sessions = std::make_unique<Sessions>(std::move(options), bench.plane, std::move(engine));
  bench.session();
  WebPeer old(bench, open(DtlsSetup::kPassive, "old"), 40001);
  bench.live(seconds(1));
  WebPeer fresh(bench, open(DtlsSetup::kPassive, "fresh"), 40002);
  EXPECT_NE(old.view.fingerprint, fresh.view.fingerprint);
  EXPECT_EQ(view("old").fingerprint, old.view.fingerprint);
  for (WebPeer* peer : {&old, &fresh}) {
    ASSERT_TRUE(connects(*peer, {peer->fingerprint()}));
    peer->check();
    peer->start_dtls();
    EXPECT_TRUE(peer->profile) << peer->failure;
  }
  bench.live(std::chrono::seconds(20));
  EXPECT_EQ(open(DtlsSetup::kPassive, "later").fingerprint, fresh.view.fingerprint);
}

}  // namespace
}  // namespace sluice::control
