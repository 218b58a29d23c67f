// endpoint.connect: what the peer's side decides, late and again and again, while the UDP port stays. What a
// worker does with it is tested in tests/dataplane/stages/signalled_test.cc and latch_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/controlplane/session/session_fixture.h"
#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using crypto::SrtpProfile;
using dataplane::EndpointKind;
using dataplane::LatchPolicy;
using std::chrono::seconds;
using test::SessionFixture;

SrtpKeyBytes key(std::uint8_t fill, std::size_t length = 28) {
  return SrtpKeyBytes(std::vector<std::uint8_t>(length, fill));
}

RemoteAddress at(std::uint8_t host, std::uint16_t port = 5000) {
  return {config::IpAddress::v4(198, 18, 0, host), port, 0};
}

bool same(const SrtpKeyBytes& a, const SrtpKeyBytes& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

class ConnectTest : public ::testing::Test {
 protected:
  ConnectTest() { bench.session(); }
  ~ConnectTest() override {
    bench.expect_no_breach();
    bench.sessions->remove_session("s", [](auto) {});
    bench.settle();
    EXPECT_EQ(bench.engine->expanded, bench.engine->released) << "keys that are not wiped";
    EXPECT_EQ(bench.sessions->media_ports().allocated, 0u);
  }

  /// An endpoint that offers SDES: the peer's key and address come with the answer.
  EndpointCreate offer(const std::string& id = "a") {
    EndpointCreate request = bench.sdes(id, false);
    request.receive_key.clear();
    return request;
  }
  static EndpointConnect about(const std::string& id = "a") {
    EndpointConnect request;
    request.session = "s";
    request.id = id;
    return request;
  }
  EndpointView connect(const EndpointConnect& request) {
    const auto result = bench.sessions->connect_endpoint(request);
    if (const auto* error = std::get_if<RequestError>(&result)) {
      ADD_FAILURE() << error->message;
      return {};
    }
    bench.settle();
    return std::get<EndpointView>(result);
  }
  EndpointView answer(std::uint8_t receive, const std::string& id = "a") {
    EndpointConnect request = about(id);
    request.receive_key = key(receive);
    request.remote = at(77);
    return connect(request);
  }
  EndpointView view(const std::string& id = "a") {
    return std::get<EndpointView>(bench.sessions->get_endpoint("s", id));
  }
  const dataplane::EndpointTerms& terms() { return bench.plane.worker(0).terms.back(); }
  dataplane::EndpointKeys& keys(std::uint32_t slot = 0) { return bench.plane.memory(0).keys[slot]; }

  SessionFixture bench;
};

TEST_F(ConnectTest, AnOfferOfSdesTakesTheKeyOfTheAnswer) {
  const EndpointView offered = bench.create(offer());
  bench.settle();
  EXPECT_EQ(offered.send_key.size(), 28u) << "the offer needs it";
  EXPECT_TRUE(offered.receive_key.empty());
  EXPECT_TRUE(bench.plane.worker(0).keyed.empty());
  EXPECT_FALSE(keys().receive.ready);
  const EndpointView answered = answer(3);
  EXPECT_EQ(answered.local_rtp_port, offered.local_rtp_port);
  EXPECT_TRUE(same(answered.send_key, offered.send_key));
  EXPECT_TRUE(same(answered.receive_key, key(3)));
  EXPECT_TRUE(keys().receive.ready && keys().send.ready);
  EXPECT_TRUE(terms().new_receive && terms().new_send);
  EXPECT_EQ(terms().signalled.to_string(), "198.18.0.77:5000");
  EXPECT_EQ(bench.count_events("endpoint.connected"), 0u) << "no way to the peer yet";
  bench.answer_arp();
  EXPECT_EQ(bench.count_events("endpoint.connected"), 1u);
  EXPECT_EQ(view().state, EndpointState::kConnected);
}

TEST_F(ConnectTest, TheSameKeysAgainChangeNothing) {
  bench.create(offer());
  answer(3);
  const std::int64_t expanded = bench.engine->expanded;
  EndpointConnect again = about();
  again.receive_key = key(3);
  again.send_key = view().send_key;
  again.profile = SrtpProfile::kAeadAes128Gcm;
  connect(again);
  EXPECT_EQ(bench.engine->expanded, expanded);
  EXPECT_FALSE(terms().new_receive || terms().new_send || terms().send_restarts);
}

// RFC 4568 7.1.4: a re-INVITE may bring new keys of either side.
TEST_F(ConnectTest, NewKeysReplaceTheFormerOnesAndThoseAreWiped) {
  bench.create(offer());
  answer(3);
  EXPECT_EQ(bench.engine->released, 0);
  answer(4);
  EXPECT_TRUE(terms().new_receive);
  EXPECT_FALSE(terms().new_send);
  EXPECT_EQ(bench.engine->released, 1) << "the former receive key";
  EndpointConnect both = about();
  both.receive_key = key(5);
  both.send_key = key(6);
  connect(both);
  EXPECT_TRUE(terms().new_receive && terms().new_send && terms().send_restarts);
  EXPECT_EQ(bench.engine->released, 3);
  EXPECT_TRUE(same(view().send_key, key(6)));
  // An answer that waits keeps the keys: the worker may not have exchanged them yet.
  bench.plane.worker(0).hold_acks();
  answer(7);
  EXPECT_EQ(bench.engine->released, 3);
  bench.plane.worker(0).release_acks();
  bench.settle();
  EXPECT_EQ(bench.engine->released, 4);
}

TEST_F(ConnectTest, ASendKeyOfBeforeIsRefused) {
  bench.create(offer());
  answer(3);
  const SrtpKeyBytes first = view().send_key;
  EndpointConnect request = about();
  request.send_key = key(6);
  connect(request);
  request.send_key = first;
  const auto result = bench.sessions->connect_endpoint(request);
  const RequestError& error = SessionFixture::error_of(result);
  EXPECT_EQ(error.message, "sendKey: found a key of before; allowed: the present key, or a new one");
  EXPECT_TRUE(same(view().send_key, key(6)));
}

// A receiver that has a new key begins with a roll-over counter of zero. No index repeats under one key.
TEST_F(ConnectTest, RoutesThatComeAfterANewSendKeyBeginWithARolloverOfZero) {
  bench.create(offer());
  answer(3);
  bench.create(bench.rtp("from"));
  const auto run = [&](const std::string& id, std::uint32_t ssrc, std::uint64_t packets) {
    bench.route(id, "from", "a", ssrc);
    bench.settle();
    bench.plane.worker(0).advance_ssrc(ssrc, packets);
    bench.sessions->remove_route("s", id, [](auto) {});
  };
  const auto first_index = [&](std::uint32_t ssrc) {
    bench.route("probe", "from", "a", ssrc);
    bench.settle();
    bench.sessions->remove_route("s", "probe", [](auto) {});
    bench.settle();
    return bench.plane.worker(0).first_indices.back();
  };
  run("ended", 1, 70000);
  bench.settle();
  const std::uint64_t ended = bench.plane.worker(0).first_indices.back() + 70000;
  EXPECT_EQ(first_index(1), ended) << "the same key: the numbers go on";
  run("ending", 2, 80000);  // its removal is on the way
  const std::uint64_t ending = bench.plane.worker(0).first_indices.back() + 80000;
  bench.route("stays", "from", "a", 3);
  EndpointConnect request = about();
  request.send_key = key(6);
  connect(request);
  EXPECT_EQ(first_index(1), ended & 0xffff);
  EXPECT_EQ(first_index(2), ending & 0xffff);
  // The worker restarts the numbers of routes that live, and says at their end where they are.
  bench.plane.worker(0).advance_ssrc(3, 100);
  const auto& slots = bench.plane.memory(0).routes;
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; i < 4; ++i)
    if (slots[i].installed && slots[i].ssrc == 3) next = slots[i].first_index + 100;
  bench.sessions->remove_route("s", "stays", [](auto) {});
  bench.settle();
  EXPECT_EQ(first_index(3), next) << "under the present key: the numbers go on";
}

// Streams of the peer that began on another node.
TEST_F(ConnectTest, RolloverCountersReachTheWorker) {
  using Expected = test::ScriptedWorker::Expected;
  EndpointCreate request = bench.sdes("taken");
  request.rollover_counters = {{1000, 5, 7000}, {1001, 0xffffffff, std::nullopt}};
  request.srtcp_index = 70000;
  const EndpointView created = bench.create(request);
  bench.settle();
  EXPECT_EQ(created.srtcp_index, 70000u);
  auto& worker = bench.plane.worker(0);
  EXPECT_EQ(worker.expected, (std::vector<Expected>{{0, 1000, (5u << 16) + 7000u},
                                                    {0, 1001, (std::uint64_t{0xffffffff} << 16) + 0x8000}}));
  const auto place = [&](dataplane::CommandKind kind) {
    return std::ranges::find(worker.order, kind) - worker.order.begin();
  };
  EXPECT_LT(place(dataplane::CommandKind::kExpectStream), place(dataplane::CommandKind::kKeysReady))
      << "the first packet needs it";
  EXPECT_FALSE(std::get<0>(bench.sessions->create_endpoint(request)).created) << "idempotent";
  worker.expected.clear();

  bench.create(offer());
  EndpointConnect early = about();
  early.rollover_counters = {{1, 2, 3}};
  EXPECT_NE(SessionFixture::error_of(bench.sessions->connect_endpoint(early)).message.find("receiveKey"),
            std::string::npos);
  early.receive_key = key(3);
  connect(early);
  EXPECT_EQ(worker.expected, (std::vector<Expected>{{1, 1, (2u << 16) + 3u}}));
  EXPECT_EQ(worker.order.back(), dataplane::CommandKind::kExpectStream)
      << "kUpdateEndpoint forgets what was known under the former key";
  EndpointConnect plain = about();
  plain.kind = EndpointKind::kRtp;
  plain.rollover_counters = {{1, 2, 3}};
  EXPECT_NE(
      SessionFixture::error_of(bench.sessions->connect_endpoint(plain)).message.find("rolloverCounters"),
      std::string::npos);
}

// RFC 4568 6.1: the answer names an MKI for its key, and we have named one for ours.
TEST_F(ConnectTest, AnMkiBelongsToItsKey) {
  EndpointCreate request = offer();
  request.send_mki = Mki{0x0102, 3};
  EXPECT_EQ(bench.create(request).send_mki, (Mki{0x0102, 3}));
  EndpointConnect answered = about();
  answered.receive_key = key(3);
  answered.receive_mki = Mki{7, 1};
  EXPECT_EQ(connect(answered).receive_mki, (Mki{7, 1}));
  connect([] {
    EndpointConnect moved = about();
    moved.remote = at(78);
    return moved;
  }());
  EXPECT_EQ(view().receive_mki, (Mki{7, 1})) << "what is omitted stays";
  answered.receive_mki = Mki{8, 1};
  EXPECT_NE(SessionFixture::error_of(bench.sessions->connect_endpoint(answered)).message.find("receiveMki"),
            std::string::npos)
      << "the same key has another name";
  answered.receive_key = key(4);
  EXPECT_EQ(connect(answered).receive_mki, (Mki{8, 1}));
  EXPECT_EQ(view().send_mki, (Mki{0x0102, 3}));

  EndpointCreate known = bench.sdes("known");
  known.receive_mki = Mki{0xfffefdfc, 4};
  known.send_mki = Mki{5, 2};
  bench.create(known);
  bench.settle();
  EXPECT_EQ(keys(1).receive.mki_length, 4);
  EXPECT_EQ(keys(1).receive.mki, (std::array<std::uint8_t, 4>{0xff, 0xfe, 0xfd, 0xfc}));
  EXPECT_EQ(keys(1).send.mki_length, 2);
  EXPECT_EQ(keys(1).send.mki, (std::array<std::uint8_t, 4>{0, 5, 0, 0}));
}

TEST_F(ConnectTest, TheAnswerChoosesTheProfile) {
  bench.create(offer());
  EndpointConnect request = about();
  request.profile = SrtpProfile::kAesCm128HmacSha1_80;
  request.receive_key = key(3, 30);
  request.send_key = key(4, 30);
  connect(request);
  EXPECT_EQ(view().profile, SrtpProfile::kAesCm128HmacSha1_80);
  EXPECT_EQ(keys().send.profile, SrtpProfile::kAesCm128HmacSha1_80);
  EXPECT_EQ(keys().receive.profile, SrtpProfile::kAesCm128HmacSha1_80);
  // A later offer of the peer: its key comes with it, ours is made for the answer.
  EndpointConnect later = about();
  later.profile = SrtpProfile::kAeadAes256Gcm;
  later.receive_key = key(5, 44);
  EXPECT_EQ(connect(later).send_key.size(), 44u);
  // Keys of the same length stay. The same key again must not start over.
  later.profile = SrtpProfile::kAesCm128HmacSha1_80;
  later.receive_key = key(6, 30);
  later.send_key = key(7, 30);
  connect(later);
  EndpointConnect shorter = about();
  shorter.profile = SrtpProfile::kAesCm128HmacSha1_32;
  connect(shorter);
  EXPECT_TRUE(terms().new_send && terms().new_receive);
  EXPECT_FALSE(terms().send_restarts);
  EXPECT_TRUE(same(view().send_key, key(7, 30)));
}

// RFC 8643: SRTP offered, plain RTP answered.
TEST_F(ConnectTest, AnAnswerWithoutSrtpMakesAnRtpEndpoint) {
  const EndpointView offered = bench.create(offer());
  EndpointConnect plain = about();
  plain.kind = EndpointKind::kRtp;
  plain.remote = at(77);
  const EndpointView answered = connect(plain);
  EXPECT_EQ(answered.kind, EndpointKind::kRtp);
  EXPECT_EQ(answered.local_rtp_port, offered.local_rtp_port);
  EXPECT_EQ(answered.latch, LatchPolicy::kOnce);
  EXPECT_EQ(terms().kind, EndpointKind::kRtp);
  EXPECT_EQ(terms().latch_deadline_tsc, bench.plane.tsc + 5 * bench.plane.tsc_hz());
  bench.answer_arp();
  EXPECT_EQ(bench.last<EndpointConnected>().profile, std::nullopt);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_endpoint(offer())).created) << "still idempotent";
  EndpointConnect secure = about();
  secure.kind = EndpointKind::kSdes;
  EXPECT_NE(SessionFixture::error_of(bench.sessions->connect_endpoint(secure)).message.find("receiveKey"),
            std::string::npos);
  secure.receive_key = key(3);
  EXPECT_EQ(connect(secure).kind, EndpointKind::kSdes);
  EXPECT_EQ(view().latch, LatchPolicy::kAuthenticated);
  EXPECT_TRUE(terms().send_restarts) << "nothing was sealed yet";
}

// RFC 5761 5.1.1: without rtcp-mux in the answer, RTCP goes to the next port.
TEST_F(ConnectTest, AnOfferOfRtcpMuxKeepsThePortForRtcp) {
  EndpointCreate request = offer();
  request.rtcp_mux = true;
  const EndpointView offered = bench.create(request);
  EXPECT_EQ(offered.local_rtcp_port, offered.local_rtp_port);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 2u);
  EndpointConnect without = about();
  without.receive_key = key(3);
  without.rtcp_mux = false;
  without.remote = at(77);
  connect(without);
  EXPECT_EQ(view().local_rtcp_port, offered.local_rtp_port + 1);
  EXPECT_EQ(terms().rtcp_port, offered.local_rtp_port + 1);
  bench.answer_arp();
  EXPECT_EQ(bench.plane.worker(0).remotes.size(), 2u);
  EXPECT_EQ(bench.plane.worker(0).remotes.back().address.port, 5001);
  EndpointConnect with = about();
  with.rtcp_mux = true;
  EXPECT_EQ(connect(with).local_rtcp_port, offered.local_rtp_port);
  EXPECT_EQ(view().remote->rtcp_port, 5000);
}

TEST_F(ConnectTest, AnEndpointWithOnePortCannotLeaveRtcpMux) {
  EndpointCreate request = bench.sdes("a");
  request.rtcp_mux = true;
  bench.create(request);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 1u);
  EndpointConnect without = about();
  without.rtcp_mux = false;
  const auto result = bench.sessions->connect_endpoint(without);
  EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kWrongState);
}

TEST_F(ConnectTest, BadAnswersAreRefusedAndChangeNothing) {
  bench.create(offer());
  bench.create(bench.rtp("plain", false));
  bench.create(bench.webrtc("web"));
  RouteCreate route;
  route.session = "s";
  route.id = "r";
  route.from.endpoint = "a";
  route.to = "plain";
  route.clock_rate = 8000;
  route.payload_types = {{0, 72}};
  ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  const SrtpKeyBytes ours = view().send_key;
  struct Bad {
    const char* id;
    std::function<void(EndpointConnect&)> change;
    const char* names;
  };
  const Bad all[] = {
      {"a", [](auto&) {}, "remote: found nothing"},
      {"a", [](auto& r) { r.receive_key = key(1, 30); }, "receiveKey: found 30 bytes"},
      {"a",
       [](auto& r) {
         r.profile = SrtpProfile::kAeadAes256Gcm;
         r.send_key = key(1);
       },
       "sendKey: found 28"},
      {"a", [&](auto& r) { r.receive_key = ours; }, "sendKey: found the receiveKey"},
      {"a", [](auto& r) { r.kind = EndpointKind::kWebrtc; }, "kind: found webrtc"},
      {"a",
       [](auto& r) {
         r.kind = EndpointKind::kRtp;
         r.receive_key = key(1);
       },
       "receiveKey: found it given"},
      {"a", [](auto& r) { r.setup = DtlsSetup::kActive; }, "dtls: found it given"},
      {"a",
       [](auto& r) {
         r.remote = at(77);
         r.remote->address = config::IpAddress::v4(127, 0, 0, 1);
       },
       "remote"},
      {"plain", [](auto& r) { r.profile = SrtpProfile::kAeadAes128Gcm; }, "profile: found it given"},
      {"plain", [](auto& r) { r.rtcp_mux = true; }, "payload type 72"},
      {"web", [](auto& r) { r.receive_key = key(1); }, "receiveKey: found it given"},
      {"web", [](auto& r) { r.kind = EndpointKind::kSdes; }, "kind: found sdes"},
      {"web", [](auto& r) { r.rtcp_mux = false; }, "rtcpMux: found false"},
      {"web", [](auto& r) { r.remote = at(77); }, "remote: found it given"},
      {"web", [](auto& r) { r.setup = DtlsSetup::kActpass; }, "dtls.setup"},
  };
  for (const Bad& bad : all) {
    EndpointConnect request = about(bad.id);
    bad.change(request);
    const auto result = bench.sessions->connect_endpoint(request);
    EXPECT_NE(SessionFixture::error_of(result).message.find(bad.names), std::string::npos)
        << bad.names << ": " << SessionFixture::error_of(result).message;
  }
  bench.settle();
  EXPECT_TRUE(bench.plane.worker(0).terms.empty());
}

TEST_F(ConnectTest, KeysThatCannotBeExpandedLeaveTheCallAsItIs) {
  bench.create(offer());
  answer(3);
  const std::size_t updates = bench.plane.worker(0).terms.size();
  for (const int after : {0, 1}) {
    bench.engine->refuse_after = after;
    EndpointConnect request = about();
    request.receive_key = key(8);
    request.send_key = key(9);
    const auto result = bench.sessions->connect_endpoint(request);
    EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kInternal);
  }
  bench.engine->refuse_after = -1;
  EXPECT_EQ(bench.plane.worker(0).terms.size(), updates);
  EXPECT_TRUE(same(view().receive_key, key(3)));
  EXPECT_TRUE(keys().receive.ready && keys().send.ready);
}

TEST_F(ConnectTest, IsASignOfLife) {
  bench.create(bench.rtp("a", false));
  bench.live(seconds(45));
  EndpointConnect ringing = about();
  ringing.remote = at(77);
  connect(ringing);
  bench.live(seconds(45));
  EXPECT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->get_endpoint("s", "a")));
  bench.live(seconds(30));
  EXPECT_FALSE(std::holds_alternative<EndpointView>(bench.sessions->get_endpoint("s", "a")));
}

TEST_F(ConnectTest, OpensTheLatchWindowAgain) {
  bench.create(bench.rtp("a", false));
  bench.live(seconds(20));
  EndpointConnect answered = about();
  answered.remote = at(77);
  connect(answered);
  EXPECT_EQ(terms().latch, LatchPolicy::kOnce);
  EXPECT_EQ(terms().latch_deadline_tsc, bench.plane.tsc + 5 * bench.plane.tsc_hz());
}

// The worker knows whether media still flows from where the peer has latched.
TEST_F(ConnectTest, ShowsTheAddressThatTheWorkerStaysWith) {
  bench.create(bench.sdes("a", false));
  bench.settle();
  test::ScriptedWorker& worker = bench.plane.worker(0);
  dataplane::Note latched;
  latched.kind = dataplane::NoteKind::kLatched;
  latched.ref = {0, worker.endpoints.at(0)};
  latched.address = {config::IpAddress::v4(198, 18, 0, 200), 61000};
  worker.tell(latched);
  bench.settle();
  worker.learned = latched.address;
  EndpointConnect sdp = about();
  sdp.remote = at(10);
  EXPECT_EQ(connect(sdp).remote->address.to_string(), "198.18.0.10");
  EXPECT_EQ(view().remote->address.to_string(), "198.18.0.200");
  EXPECT_EQ(view().remote->rtp_port, 61000);
  EXPECT_EQ(bench.count_events("endpoint.latched"), 1u);
  // A note from before the update is older than its answer.
  worker.learned = {};
  worker.tell(latched);
  sdp.remote = at(11);
  connect(sdp);
  EXPECT_EQ(view().remote->address.to_string(), "198.18.0.11");
}

// RFC 5763 5: an offer is actpass, and the answer chooses.
TEST_F(ConnectTest, ThePeerChoosesTheDtlsRole) {
  for (const DtlsSetup left : {DtlsSetup::kActive, DtlsSetup::kPassive}) {
    const std::string id = left == DtlsSetup::kActive ? "active" : "passive";
    EndpointCreate request = bench.webrtc(id);
    request.setup = DtlsSetup::kActpass;
    EndpointView offered = bench.create(request);
    bench.settle();
    EXPECT_EQ(offered.setup, DtlsSetup::kActpass);
    offered.setup = left;
    test::WebPeer peer(bench, offered);
    EndpointConnect answered = about(id);
    answered.setup = left;
    answered.fingerprints = {peer.fingerprint()};
    answered.ice_ufrag = peer.ufrag;
    answered.ice_password = "peersOwnPasswordOf24char";
    connect(answered);
    EXPECT_EQ(view(id).setup, left);
    peer.check();
    peer.start_dtls();
    EXPECT_EQ(view(id).dtls_state, "connected") << id;
    answered.setup = left == DtlsSetup::kActive ? DtlsSetup::kPassive : DtlsSetup::kActive;
    const auto result = bench.sessions->connect_endpoint(answered);
    EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kWrongState);
    bench.sessions->remove_endpoint("s", id, [](auto) {});
    peer.exchange();
  }
}

}  // namespace
}  // namespace sluice::control
