// webrtc endpoints with a real DTLS peer and ICE checks made by the test: which peers are accepted, which
// commands the worker gets and when, how endpoints end.
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/engine_factory.h"
#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using dataplane::CommandKind;
using std::chrono::seconds;
using test::SessionFixture;
using test::WebPeer;

class WebrtcTest : public ::testing::Test {
 protected:
  WebrtcTest() { bench.session(); }
  ~WebrtcTest() override { bench.expect_no_breach(); }

  EndpointView open(DtlsSetup setup = DtlsSetup::kPassive, IceTransport transport = IceTransport::kOwn,
                    const std::string& id = "w") {
    EndpointCreate request = bench.webrtc(id);
    request.setup = setup;
    request.transport = transport;
    const EndpointView view = bench.create(request);
    bench.settle();
    return view;
  }
  void connect(WebPeer& peer, std::optional<Fingerprint> fingerprint = {}) {
    EndpointConnect request;
    request.session = "s";
    request.id = peer.view.id;
    request.fingerprints = {fingerprint.value_or(peer.fingerprint())};
    request.ice_ufrag = peer.ufrag;
    request.ice_password = "peersOwnPasswordOf24char";
    const auto result = bench.sessions->connect_endpoint(request);
    if (const auto* error = std::get_if<RequestError>(&result)) FAIL() << error->message;
  }
  EndpointView view(const std::string& id = "w") {
    return std::get<EndpointView>(bench.sessions->get_endpoint("s", id));
  }
  bool there(const std::string& id = "w") {
    return std::holds_alternative<EndpointView>(bench.sessions->get_endpoint("s", id));
  }
  test::ScriptedWorker& worker() { return bench.plane.worker(0); }
  // Checks that the keys in the slot fit the peer's: what one side seals, the other opens.
  void expect_keys_fit(const WebPeer& peer, std::uint32_t slot = 0) {
    ASSERT_TRUE(peer.profile);
    std::string error;
    auto engine = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
    if (!engine) engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
    auto keys = std::make_unique<dataplane::EndpointKeys>();
    ASSERT_TRUE(engine->expand(peer.send_key, crypto::Direction::kSend, keys->send));
    std::array<std::uint8_t, 12 + 20 + crypto::kTailBytes> packet{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9};
    crypto::RtpProtectJob seal{&keys->send, packet.data(), packet.data() + 12, 1, 9, 12, 20, 0, {}};
    engine->protect(std::span(&seal, 1));
    ASSERT_EQ(seal.status, crypto::SrtpStatus::kOk);
    crypto::RtpUnprotectJob open_it{
        &bench.plane.memory(0).keys[slot].receive, packet.data(), 1, 9, 12, seal.length, {}};
    engine->unprotect(std::span(&open_it, 1));
    EXPECT_EQ(open_it.status, crypto::SrtpStatus::kOk);
    engine->release(keys->send);
  }

  SessionFixture bench;
};

TEST_F(WebrtcTest, ConnectsInBothRoles) {
  for (const DtlsSetup setup : {DtlsSetup::kPassive, DtlsSetup::kActive}) {
    for (const IceTransport transport : {IceTransport::kOwn, IceTransport::kShared}) {
      const EndpointView made = open(setup, transport);
      EXPECT_EQ(made.state, EndpointState::kAllocated);
      EXPECT_EQ(made.ice_state, "new");
      EXPECT_EQ(made.local_rtp_port == 3478, transport == IceTransport::kShared);
      WebPeer peer(bench, made);
      connect(peer);
      const std::size_t keyed = worker().keyed.size();
      peer.check();
      EXPECT_EQ(peer.stun_answers, 1u);
      EXPECT_GE(view().state, EndpointState::kConnecting);
      EXPECT_EQ(view().ice_state, "connected");
      peer.start_dtls();
      EXPECT_EQ(worker().keyed.size(), keyed + 1);
      EXPECT_EQ(view().state, EndpointState::kConnected);
      EXPECT_EQ(view().dtls_state, "connected");
      EXPECT_EQ(view().profile, peer.profile);
      EXPECT_EQ(view().remote->address, peer.address.ip);
      EXPECT_EQ(view().remote->rtp_port, peer.address.port);
      EXPECT_EQ(worker().remotes.back().address, peer.address);
      EXPECT_EQ(worker().remotes.back().next_hop, test::kPeerMac);
      expect_keys_fit(peer);
      EXPECT_EQ(bench.last<EndpointConnected>().profile, crypto::SrtpProfile::kAeadAes128Gcm);

      bench.sessions->remove_endpoint("s", "w", [](auto) {});
      peer.exchange();
      EXPECT_TRUE(peer.closed) << "no close_notify";
      EXPECT_FALSE(there());
      EXPECT_TRUE(worker().bound.empty());
    }
  }
  EXPECT_EQ(bench.count_events("endpoint.connected"), 4u);
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
}

TEST_F(WebrtcTest, CloseNotifyLeavesBeforeTheEndpoint) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  peer.start_dtls();
  bench.create(bench.rtp("a", false));
  bench.route("r", "a", "w");
  bench.settle();
  worker().order.clear();
  bench.sessions->remove_session("s", [](auto) {});
  worker().turn();
  const auto at = [&](CommandKind kind) {
    return std::find(worker().order.begin(), worker().order.end(), kind) - worker().order.begin();
  };
  EXPECT_LT(at(CommandKind::kInject), at(CommandKind::kRemoveEndpoint));
  EXPECT_LT(at(CommandKind::kRemoveRoute), at(CommandKind::kRemoveSource));
  peer.exchange();
  EXPECT_TRUE(peer.closed);
}

TEST_F(WebrtcTest, EveryConnectedPeerHearsOfTheShutDown) {
  std::vector<std::unique_ptr<WebPeer>> peers;
  for (int i = 0; i < 10; ++i) {
    const EndpointView made =
        open(i % 2 == 0 ? DtlsSetup::kPassive : DtlsSetup::kActive,
             i % 3 == 0 ? IceTransport::kShared : IceTransport::kOwn, "w" + std::to_string(i));
    peers.push_back(std::make_unique<WebPeer>(bench, made, static_cast<std::uint16_t>(41000 + i)));
    connect(*peers.back());
    peers.back()->check();
    peers.back()->start_dtls();
    ASSERT_TRUE(peers.back()->profile) << i;
  }
  bool done = false;
  bench.sessions->shut_down([&] { done = true; });
  bench.settle();
  EXPECT_TRUE(done);
  const auto frames = worker().injected;
  for (auto& peer : peers) {
    worker().injected = frames;
    peer->exchange();
    EXPECT_TRUE(peer->closed);
  }
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
}

TEST_F(WebrtcTest, PeerMayBeFasterThanItsDescription) {
  WebPeer peer(bench, open());
  peer.check();
  peer.start_dtls();
  EXPECT_FALSE(peer.profile);
  EXPECT_EQ(view().state, EndpointState::kConnecting);
  connect(peer);
  peer.exchange();
  EXPECT_TRUE(peer.profile);
  EXPECT_EQ(view().state, EndpointState::kConnected);
}

TEST_F(WebrtcTest, DtlsBeforeStunIsNotAnswered) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.start_dtls();
  EXPECT_EQ(peer.dtls_datagrams, 0u);
  EXPECT_EQ(bench.sessions->totals().dtls_dropped, 1u);
  EXPECT_EQ(view().dtls_state, "new");
  // A check of another peer, from another address, does not open the way for this peer.
  WebPeer other(bench, view(), 40001);
  other.check();
  peer.send_dtls(std::vector<std::uint8_t>{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  peer.exchange();
  EXPECT_EQ(bench.sessions->totals().dtls_dropped, 2u);
  EXPECT_EQ(peer.dtls_datagrams, 0u);
}

TEST_F(WebrtcTest, WrongPasswordMovesNothing) {
  for (const IceTransport transport : {IceTransport::kOwn, IceTransport::kShared}) {
    WebPeer peer(bench, open(DtlsSetup::kActive, transport));
    connect(peer);
    const auto dropped = bench.sessions->totals().ice_dropped;
    peer.check(true, "this-is-not-the-password");
    EXPECT_EQ(peer.stun_answers, 0u);
    EXPECT_EQ(peer.dtls_datagrams, 0u);
    EXPECT_EQ(bench.sessions->totals().ice_dropped, dropped + 1);
    EXPECT_EQ(view().ice_state, "new");
    EXPECT_FALSE(view().remote);
    EXPECT_TRUE(worker().remotes.empty());
    EXPECT_TRUE(worker().bound.empty());
    bench.sessions->remove_endpoint("s", "w", [](auto) {});
    bench.settle();
  }
}

TEST_F(WebrtcTest, UnknownUfragOnTheSharedPortIsDropped) {
  WebPeer peer(bench, open(DtlsSetup::kPassive, IceTransport::kShared));
  peer.view.ice_ufrag = "unknown0";
  peer.check();
  EXPECT_EQ(peer.stun_answers + peer.stun_refusals, 0u);
  EXPECT_EQ(bench.sessions->totals().ice_dropped, 1u);
}

TEST_F(WebrtcTest, WorkerKnowsTheTupleBeforeThePeerIsAnswered) {
  WebPeer peer(bench, open(DtlsSetup::kPassive, IceTransport::kShared));
  worker().order.clear();
  peer.check();
  ASSERT_EQ(worker().bound.size(), 1u);
  EXPECT_EQ(worker().bound[0].tuple.remote, peer.address);
  EXPECT_EQ(worker().bound[0].tuple.local_port, 3478);
  const auto bind = std::find(worker().order.begin(), worker().order.end(), CommandKind::kBindTuple);
  const auto answer = std::find(worker().order.begin(), worker().order.end(), CommandKind::kInject);
  EXPECT_LT(bind, answer);
}

TEST_F(WebrtcTest, TwoOnOneSharedPort) {
  WebPeer first(bench, open(DtlsSetup::kPassive, IceTransport::kShared, "w1"), 40001);
  WebPeer second(bench, open(DtlsSetup::kActive, IceTransport::kShared, "w2"), 40002);
  for (WebPeer* peer : {&first, &second}) {
    connect(*peer);
    peer->check();
    peer->start_dtls();
    EXPECT_TRUE(peer->profile);
  }
  EXPECT_EQ(worker().bound.size(), 2u);
  EXPECT_EQ(view("w1").remote->rtp_port, 40001);
  EXPECT_EQ(view("w2").remote->rtp_port, 40002);
}

TEST_F(WebrtcTest, NewEndpointTakesOverAnOldPeersTuple) {
  WebPeer before(bench, open(DtlsSetup::kPassive, IceTransport::kShared, "w1"), 40001);
  connect(before);
  before.check();
  bench.live(seconds(16));  // half of the time that consent lasts
  WebPeer after(bench, open(DtlsSetup::kPassive, IceTransport::kShared, "w2"), 40001);
  connect(after);
  after.check();
  EXPECT_EQ(after.stun_answers, 1u) << "the ufrag decides, not the earlier owner of the 5-tuple";
  ASSERT_EQ(worker().bound.size(), 1u);
  const auto holder = worker().bound[0].ref;
  bench.sessions->remove_endpoint("s", "w1", [](auto) {});
  bench.settle();
  ASSERT_EQ(worker().bound.size(), 1u) << "the removal of w1 must keep the tuple of w2";
  EXPECT_EQ(worker().bound[0].ref, holder);
  after.start_dtls();
  EXPECT_TRUE(after.profile);
}

TEST_F(WebrtcTest, NominationMovesTheRemote) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check(false);
  ASSERT_EQ(worker().remotes.size(), 1u);
  peer.address.port = 40005;
  peer.check(false);
  EXPECT_EQ(worker().remotes.size(), 1u) << "the remote must not move before a nomination";
  peer.check(true);
  ASSERT_EQ(worker().remotes.size(), 2u);
  EXPECT_EQ(worker().remotes[1].address.port, 40005);
  EXPECT_EQ(view().remote->rtp_port, 40005);
  peer.start_dtls();
  EXPECT_TRUE(peer.profile);
}

TEST_F(WebrtcTest, MediaMovesToANominatedPairOnceThePeerIsHeardThere) {
  for (const IceTransport transport : {IceTransport::kOwn, IceTransport::kShared}) {
    WebPeer peer(bench, open(DtlsSetup::kPassive, transport));
    connect(peer);
    peer.check();
    peer.start_dtls();
    const config::SocketAddress third{config::IpAddress::v4(198, 18, 0, 99), 9999};
    const std::size_t told = worker().remotes.size();
    peer.check_from(third, true, 0xffffffff);
    bench.settle();
    EXPECT_EQ(worker().remotes.size(), told) << "a check may have a forged source";
    EXPECT_EQ(view().remote->address, peer.address.ip);
    EXPECT_EQ(worker().awaited, third);
    peer.check();
    EXPECT_EQ(worker().awaited, third) << "it has the higher priority, and was nominated just now";
    bench.live(seconds(3));
    peer.check();
    EXPECT_EQ(worker().awaited, config::SocketAddress{}) << "nothing more came from there";
    // The peer moves, and back.
    for (const std::uint16_t port : {40033, 40000}) {
      peer.address.port = port;
      peer.check();
      EXPECT_EQ(worker().awaited, peer.address);
      EXPECT_NE(view().remote->rtp_port, port);
      peer.be_heard();
      EXPECT_EQ(view().remote->rtp_port, port);
      EXPECT_EQ(worker().remotes.back().address, peer.address);
      EXPECT_EQ(bench.last<EndpointLatched>().address, peer.address);
    }
    peer.close();
    EXPECT_FALSE(there()) << "close_notify must be read from the pair in use";
  }
}

TEST_F(WebrtcTest, AForgedNominationDoesNotLeadTheHandshakeAway) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  const config::SocketAddress third{config::IpAddress::v4(198, 18, 0, 99), 9999};
  peer.check_from(third);
  peer.start_dtls();
  ASSERT_TRUE(peer.profile);
  EXPECT_EQ(view().remote->address, peer.address.ip) << "media begins where the handshake ended";
  EXPECT_EQ(worker().remotes.back().address, peer.address);
  EXPECT_EQ(worker().awaited, third);
}

TEST_F(WebrtcTest, NothingIsSentWhereConsentHasEnded) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  peer.start_dtls();
  peer.address.port = 40033;
  for (int i = 0; i < 4; ++i) {
    peer.check();
    EXPECT_TRUE(worker().stopped.empty());
    EXPECT_EQ(view().remote->rtp_port, 40000);
    bench.live(seconds(9));
  }
  EXPECT_EQ(worker().stopped.size(), 1u) << "no check from the old address for 30 s";
  EXPECT_FALSE(view().remote);
  peer.check();
  EXPECT_FALSE(view().remote) << "checks alone do not move media";
  peer.be_heard();
  EXPECT_EQ(view().remote->rtp_port, 40033);
  EXPECT_TRUE(there());
}

TEST_F(WebrtcTest, ALivePeersTupleIsNotTaken) {
  WebPeer holder(bench, open(DtlsSetup::kPassive, IceTransport::kShared, "w1"), 40001);
  connect(holder);
  holder.check();
  holder.start_dtls();
  WebPeer thief(bench, open(DtlsSetup::kPassive, IceTransport::kShared, "w2"), 40002);
  connect(thief);
  thief.check();
  const auto bound = worker().bound;
  thief.check_from(holder.address);
  EXPECT_EQ(worker().bound, bound);
  EXPECT_EQ(bench.sessions->totals().ice_tuples_refused, 1u);
  // Media counts as a sign of life too. The last check is half of the consent timeout ago.
  bench.live(seconds(15));
  bench.plane.memory(0).endpoints[0].last_received_tsc.set(bench.plane.tsc);
  thief.check_from(holder.address);
  EXPECT_EQ(worker().bound, bound);
  EXPECT_EQ(bench.sessions->totals().ice_tuples_refused, 2u);
  bench.plane.memory(0).endpoints[0].last_received_tsc.set(bench.plane.tsc - 15 * bench.plane.tsc_hz());
  thief.check_from(holder.address);
  EXPECT_NE(worker().bound, bound) << "the holder is silent: its port may belong to another peer now";
}

TEST_F(WebrtcTest, WrongFingerprintEndsThatEndpointAlone) {
  WebPeer good(bench, open(DtlsSetup::kPassive, IceTransport::kOwn, "good"), 40001);
  connect(good);
  good.check();
  good.start_dtls();
  for (const DtlsSetup setup : {DtlsSetup::kPassive, DtlsSetup::kActive}) {
    WebPeer bad(bench, open(setup), 40002);
    connect(bad, good.fingerprint());  // the other peer's
    bad.check();
    bad.start_dtls();
    bad.let_alert_grace_pass();
    EXPECT_TRUE(bad.failed) << "no alert";
    EXPECT_NE(bad.failure.find("bad_certificate"), std::string::npos) << bad.failure;
    EXPECT_EQ(view().state, EndpointState::kFailed);
    EXPECT_EQ(view().reason, "fingerprint_mismatch");
    EXPECT_EQ(bench.last<EndpointFailed>().reason, "fingerprint_mismatch");
    EXPECT_FALSE(bench.plane.memory(0).keys[1].send.ready);
    bench.sessions->remove_endpoint("s", "w", [](auto) {});
    bench.settle();
  }
  EXPECT_EQ(worker().keyed.size(), 1u);
  EXPECT_EQ(view("good").state, EndpointState::kConnected);
  EXPECT_EQ(bench.sessions->totals().endpoints_failed, 2u);
}

TEST_F(WebrtcTest, FailedEndpointStaysToBeSeenThenGoes) {
  WebPeer peer(bench, open());
  WebPeer other(bench, view(), 40009);
  connect(peer, other.fingerprint());
  peer.check();
  peer.start_dtls();
  ASSERT_EQ(view().state, EndpointState::kFailed);
  for (int i = 0; i < 5; ++i) {
    peer.check();  // checks do not keep a failed endpoint
    bench.live(seconds(10));
  }
  EXPECT_TRUE(there());
  bench.live(seconds(15));
  EXPECT_FALSE(there());
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "failed");
}

TEST_F(WebrtcTest, KeysThatCannotBeInstalledEndInAnAlert) {
  WebPeer good(bench, open(DtlsSetup::kPassive, IceTransport::kOwn, "good"), 40001);
  connect(good);
  good.check();
  good.start_dtls();
  for (const DtlsSetup setup : {DtlsSetup::kPassive, DtlsSetup::kActive}) {
    for (const int after : {0, 1}) {
      WebPeer peer(bench, open(setup), 40002);
      connect(peer);
      bench.engine->refuse_after = after;
      peer.check();
      peer.start_dtls();
      bench.engine->refuse_after = -1;
      EXPECT_TRUE(peer.failed) << "no alert";
      EXPECT_NE(peer.failure.find("internal_error"), std::string::npos) << peer.failure;
      EXPECT_EQ(view().state, EndpointState::kFailed);
      EXPECT_NE(bench.last<EndpointFailed>().text.find("told to refuse"), std::string::npos)
          << bench.last<EndpointFailed>().text;
      EXPECT_EQ(worker().keyed.size(), 1u);
      bench.sessions->remove_endpoint("s", "w", [](auto) {});
      peer.exchange();
    }
  }
  EXPECT_EQ(view("good").state, EndpointState::kConnected);
  bench.sessions->remove_session("s", [](auto) {});
  bench.settle();
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
}

TEST_F(WebrtcTest, PeersCloseNotifyEndsTheEndpoint) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  peer.start_dtls();
  peer.close();
  EXPECT_FALSE(there());
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "closed_by_peer");
}

TEST_F(WebrtcTest, ConsentRunsOut) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  peer.start_dtls();
  for (int i = 0; i < 10; ++i) {
    bench.live(seconds(20));
    peer.check();
  }
  EXPECT_TRUE(there()) << "checks alone must keep the endpoint";
  bench.live(seconds(28));
  EXPECT_TRUE(there());
  bench.live(seconds(4));
  EXPECT_FALSE(there());
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "consent_expired");
}

// pjnath keeps a pair alive with Binding indications, which prove nothing. Its media does.
TEST_F(WebrtcTest, AuthenticMediaOfThePairRenewsConsent) {
  WebPeer peer(bench, open());
  connect(peer);
  peer.check();
  peer.start_dtls();
  const auto hear = [&] { bench.plane.memory(0).endpoints[0].last_received_tsc.set(bench.plane.tsc); };
  for (int i = 0; i < 60; ++i) {
    hear();
    bench.live(std::chrono::seconds(2));
    peer.be_heard();
  }
  EXPECT_TRUE(there());
  EXPECT_EQ(bench.count_events("endpoint.latched"), 0u) << "it has not moved";
  // Media from elsewhere keeps the endpoint busy, and proves nothing about the pair.
  for (int i = 0; i < 16 && there(); ++i) {
    hear();
    bench.live(std::chrono::seconds(2));
  }
  EXPECT_FALSE(there());
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "consent_expired");
}

TEST_F(WebrtcTest, ConsentMayLastForEverOrForAnotherTime) {
  EndpointCreate request = bench.webrtc("w");
  request.consent_timeout_ms = 0;
  request.idle_timeout_s = 0;
  WebPeer peer(bench, bench.create(request));
  bench.settle();
  EXPECT_EQ(view().consent_timeout_ms, 0u);
  connect(peer);
  peer.check();
  peer.start_dtls();
  bench.live(std::chrono::seconds(300));
  EXPECT_TRUE(there());
  EndpointConnect change;
  change.session = "s";
  change.id = "w";
  change.consent_timeout_ms = 5000;
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(change)));
  peer.check();
  bench.live(std::chrono::seconds(4));
  EXPECT_TRUE(there());
  bench.live(std::chrono::seconds(3));
  EXPECT_FALSE(there());
  change.id = "plain";
  bench.create(bench.rtp("plain"));
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->connect_endpoint(change)).kind,
            ErrorKind::kInvalidParameter);
}

TEST_F(WebrtcTest, HandshakeThatNeverEndsFails) {
  WebPeer peer(bench, open(DtlsSetup::kActive));
  connect(peer);
  peer.mute = true;
  peer.check();
  EXPECT_EQ(view().state, EndpointState::kConnecting);
  bench.live(seconds(14));
  EXPECT_EQ(view().state, EndpointState::kConnecting);
  bench.live(seconds(3));
  EXPECT_EQ(view().state, EndpointState::kFailed);
  EXPECT_EQ(view().reason, "handshake_timeout");
}

TEST_F(WebrtcTest, NeverCheckedIsIdle) {
  open();
  bench.live(seconds(62));
  EXPECT_FALSE(there());
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "idle");
}

TEST_F(WebrtcTest, IceRestart) {
  for (const IceTransport transport : {IceTransport::kOwn, IceTransport::kShared}) {
    WebPeer peer(bench, open(DtlsSetup::kPassive, transport));
    connect(peer);
    peer.check();
    peer.start_dtls();
    const std::string before = view().ice_ufrag;
    peer.ufrag = "again";
    connect(peer);
    EXPECT_NE(view().ice_ufrag, before);
    EXPECT_EQ(view().state, EndpointState::kConnected) << "media must go on";
    peer.view = view();
    peer.address.port = 40077;
    peer.check();
    EXPECT_EQ(peer.stun_answers, 2u);
    EXPECT_EQ(view().remote->rtp_port, 40000) << "nothing authentic has come from there";
    peer.be_heard();
    EXPECT_EQ(view().remote->rtp_port, 40077);
    peer.view.ice_ufrag = before;
    const auto refused = bench.sessions->totals().ice_dropped;
    peer.check();
    EXPECT_EQ(bench.sessions->totals().ice_dropped, refused + 1) << "the old generation is over";
    bench.sessions->remove_endpoint("s", "w", [](auto) {});
    bench.settle();
    EXPECT_TRUE(worker().bound.empty());
  }
}

TEST_F(WebrtcTest, ConnectIsChecked) {
  WebPeer peer(bench, open());
  EndpointConnect request;
  request.session = "s";
  request.id = "w";
  request.fingerprints = {{"sha-1", "AA:BB"}};
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->connect_endpoint(request)).kind,
            ErrorKind::kInvalidParameter);
  request.fingerprints = {{"sha-256", "AA:BB"}};
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->connect_endpoint(request)).kind,
            ErrorKind::kInvalidParameter);
  request.fingerprints.clear();
  request.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 5), 7000, 0};
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->connect_endpoint(request)).kind,
            ErrorKind::kInvalidParameter);
  connect(peer);
  peer.check();
  peer.start_dtls();
  connect(peer);  // the same request again succeeds
}

TEST_F(WebrtcTest, TruncatedAndMadeUpFramesAreHarmless) {
  WebPeer peer(bench, open(DtlsSetup::kPassive, IceTransport::kShared));
  connect(peer);
  peer.check();
  peer.start_dtls();
  const dataplane::SlotRef ref{0, worker().endpoints.at(0)};
  std::vector<std::uint8_t> frame(200);
  for (std::size_t length = 0; length <= frame.size(); ++length) {
    for (std::uint8_t& byte : frame) byte = static_cast<std::uint8_t>(bench.random());
    if (length > 14) dataplane::store_be16(&frame[12], length % 2 == 0 ? 0x0800 : 0x86dd);
    for (const auto kind : {dataplane::PuntKind::kStun, dataplane::PuntKind::kDtls, dataplane::PuntKind::kArp,
                            dataplane::PuntKind::kIcmp, dataplane::PuntKind::kIcmpv6})
      bench.plane.punt(0, kind, std::span(frame).first(length), ref);
    bench.settle();
  }
  EXPECT_EQ(view().state, EndpointState::kConnected);
  worker().injected.clear();
  EXPECT_EQ(bench.plane.frames_alive(), 0);
}

}  // namespace
}  // namespace sluice::control
