// Sessions and endpoints: placement, idempotent creation, the properties of each kind, remotes, keys,
// removal.
#include <gtest/gtest.h>

#include <set>

#include "crypto/engine_factory.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

const Created<EndpointView>& made(const Result<Created<EndpointView>>& result) {
  if (const auto* error = std::get_if<RequestError>(&result)) ADD_FAILURE() << error->message;
  return std::get<Created<EndpointView>>(result);
}

TEST(Sessions, PlacedOnTheWorkerWithFewestEndpoints) {
  SessionFixture bench(test::small_config(), 3);
  std::set<std::size_t> workers;
  for (int i = 0; i < 3; ++i) {
    const std::string id = "s" + std::to_string(i);
    workers.insert(std::get<0>(bench.sessions->create_session({.id = id})).object.worker);
  }
  EXPECT_EQ(workers.size(), 3u) << "sessions without endpoints must be spread too";
  EndpointCreate request = bench.rtp("");
  request.id.clear();
  for (int i = 0; i < 5; ++i)
    for (const char* id : {"s0", "s2"}) {
      request.session = id;
      made(bench.sessions->create_endpoint(request));
    }
  const std::size_t idle = std::get<SessionView>(bench.sessions->get_session("s1")).worker;
  EXPECT_EQ(std::get<0>(bench.sessions->create_session({.id = "x"})).object.worker, idle);
  bench.settle();
  for (std::size_t w = 0; w < 3; ++w)
    EXPECT_EQ(bench.plane.worker(w).endpoints.size(), bench.sessions->worker_load(w).endpoints);
}

TEST(Sessions, PortsAreTheWorkersOwnAndSteered) {
  SessionFixture bench(test::small_config(), 2);
  bench.session("s0");
  bench.session("s1");
  for (int i = 0; i < 20; ++i) {
    for (const char* session : {"s0", "s1"}) {
      EndpointCreate request = bench.rtp("e" + std::to_string(i));
      request.session = session;
      request.rtcp_mux = i % 2 == 0;
      const EndpointView view = made(bench.sessions->create_endpoint(request)).object;
      ASSERT_TRUE(bench.plane.steered.contains({view.local_address, view.local_rtp_port}));
      EXPECT_EQ((bench.plane.steered[{view.local_address, view.local_rtp_port}]), view.worker);
      EXPECT_EQ((bench.plane.steered[{view.local_address, view.local_rtcp_port}]), view.worker);
      if (!view.rtcp_mux) {
        EXPECT_EQ(view.local_rtp_port % 2, 0);
        EXPECT_EQ(view.local_rtcp_port, view.local_rtp_port + 1);
      } else {
        EXPECT_EQ(view.local_rtcp_port, view.local_rtp_port);
      }
    }
  }
  EXPECT_EQ((bench.plane.steered[{config::IpAddress::v4(198, 18, 0, 1), 3478}]), 0u);
  EXPECT_EQ((bench.plane.steered[{config::IpAddress::v4(198, 18, 0, 1), 3479}]), 1u);
  const auto ports = bench.sessions->media_ports();
  EXPECT_EQ(ports.allocated, 60u);
  EXPECT_EQ(ports.free, 1940u) << "at two addresses";
}

// On each DPDK port, endpoints of a worker get the UDP ports that the hardware brings to that worker. When
// none is left, they get others, and the workers hand over the packets.
TEST(Sessions, PortsAreThoseThatTheHardwareBrings) {
  config::Config config = test::small_config();
  config.media.port_min = 20000;
  config.media.port_max = 20399;
  config.limits.endpoints_per_worker = 1000;
  const auto prepare = [](test::ScriptedPlane& plane) {
    plane.ports.push_back(plane.ports[0]);
    plane.ports[1].name = "other";
    plane.ports[1].addresses = {*config::IpPrefix::parse("198.18.1.1/24")};
    plane.ports.push_back(plane.ports[0]);
    plane.ports[2].name = "plain";
    plane.ports[2].addresses = {*config::IpPrefix::parse("198.18.2.1/24")};
    plane.landing = [](std::size_t port, std::uint16_t udp_port) -> std::optional<std::uint8_t> {
      if (port == 2) return std::nullopt;
      return static_cast<std::uint8_t>((port == 0 ? udp_port >> 1 : udp_port >> 4) & 1);
    };
  };
  SessionFixture bench(prepare, config, 2);
  bench.session("s0");
  bench.session("s1");
  for (int i = 0; i < 100; ++i) {
    EndpointCreate request = bench.rtp("e" + std::to_string(i));
    request.session = i % 2 == 0 ? "s0" : "s1";
    const std::size_t port = static_cast<std::size_t>(i / 2 % 3);
    request.port = bench.plane.ports[port].name;
    request.rtcp_mux = i % 5 != 0;
    const EndpointView view = made(bench.sessions->create_endpoint(request)).object;
    EXPECT_EQ((bench.plane.steered[{view.local_address, view.local_rtp_port}]), view.worker);
    EXPECT_EQ((bench.plane.steered[{view.local_address, view.local_rtcp_port}]), view.worker);
    if (port == 2) continue;
    EXPECT_EQ(bench.plane.landing(port, view.local_rtp_port), view.worker) << i;
  }
  // When a worker's own UDP ports are used up, its endpoints get the others.
  std::size_t given = 0;
  for (int i = 100;; ++i, ++given) {
    EndpointCreate request = bench.rtp("e" + std::to_string(i));
    request.session = "s0";
    request.rtcp_mux = true;
    if (std::holds_alternative<RequestError>(bench.sessions->create_endpoint(request))) break;
  }
  EXPECT_GT(given, 200u);
  EXPECT_EQ(bench.sessions->media_ports().addresses.front().free, 0u);
}

TEST(Sessions, CreationIsIdempotent) {
  SessionFixture bench;
  EXPECT_TRUE(std::get<0>(bench.sessions->create_session({.id = "s"})).created);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_session({.id = "s"})).created);
  for (const EndpointCreate& request : {bench.rtp("r"), bench.sdes("x"), bench.webrtc("w")}) {
    const auto first = made(bench.sessions->create_endpoint(request));
    EXPECT_TRUE(first.created);
    for (int i = 0; i < 64; ++i) {
      const auto again = made(bench.sessions->create_endpoint(request));
      EXPECT_FALSE(again.created);
      EXPECT_EQ(again.object.local_rtp_port, first.object.local_rtp_port);
      EXPECT_EQ(again.object.ice_ufrag, first.object.ice_ufrag);
      EXPECT_TRUE(std::equal(again.object.send_key.bytes().begin(), again.object.send_key.bytes().end(),
                             first.object.send_key.bytes().begin(), first.object.send_key.bytes().end()));
    }
  }
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 3u);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 5u);  // two pairs and a single
  EXPECT_EQ(bench.sessions->totals().endpoints_created, 3u);
  EXPECT_EQ(bench.count_events("session.created"), 1u);
  EXPECT_EQ(bench.count_events("endpoint.created"), 3u);
}

TEST(Sessions, OtherParametersAreAConflictThatCarriesTheExisting) {
  SessionFixture bench;
  bench.session();
  const EndpointView first = bench.create(bench.sdes("x"));
  std::vector<EndpointCreate> others(5, bench.sdes("x"));
  others[0].remote->rtp_port = 6000;
  others[1].profile = std::nullopt;
  others[2].receive_key.assign(std::vector<std::uint8_t>(28, 9));
  others[3].rtcp_mux = true;
  others[4] = bench.rtp("x");
  for (const EndpointCreate& other : others) {
    const auto result = bench.sessions->create_endpoint(other);
    const RequestError& error = SessionFixture::error_of(result);
    EXPECT_EQ(error.kind, ErrorKind::kConflict);
    EXPECT_EQ(std::get<EndpointView>(std::get<Conflict>(error.detail).existing->view).local_rtp_port,
              first.local_rtp_port);
  }
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 1u);
}

TEST(Sessions, MadeUpIdsAreUsable) {
  SessionFixture bench;
  const std::string session = std::get<0>(bench.sessions->create_session({.id = ""})).object.id;
  EXPECT_TRUE(std::holds_alternative<SessionView>(bench.sessions->get_session(session)));
  EndpointCreate request = bench.rtp("");
  request.session = session;
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.insert(made(bench.sessions->create_endpoint(request)).object.id);
  EXPECT_EQ(ids.size(), 10u);
}

TEST(Sessions, BadIdsAndUnknownObjects) {
  SessionFixture bench;
  for (const char* id : {"a b", "\xff", "a/b", "é", "\""})
    EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_session({.id = id})).kind,
              ErrorKind::kInvalidParameter)
        << id;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_session({.id = std::string(129, 'a')})).kind,
            ErrorKind::kInvalidParameter);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->get_session("none")).kind, ErrorKind::kNotFound);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_endpoint(bench.rtp("a"))).kind,
            ErrorKind::kNotFound);
  bench.session();
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->get_endpoint("s", "none")).kind, ErrorKind::kNotFound);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->list_streams({.session = "s", .endpoint = "none"})).kind,
            ErrorKind::kNotFound);
  const RequestError error = SessionFixture::error_of(bench.sessions->get_route("s", "none"));
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  const auto& detail = std::get<NotFound>(error.detail);
  EXPECT_EQ(detail.kind, "route");
  EXPECT_EQ(detail.id, "none");
  EXPECT_EQ(detail.session, "s");
  int refused = 0;
  const auto refuse = [&](auto e) { refused += e && e->kind == ErrorKind::kNotFound; };
  bench.sessions->remove_session("none", refuse);
  bench.sessions->remove_endpoint("s", "none", refuse);
  bench.sessions->remove_route("s", "none", refuse);
  EXPECT_EQ(refused, 3);
}

TEST(Sessions, BadEndpointsAreRefusedAndTakeNothing) {
  SessionFixture bench;
  bench.session();
  std::vector<std::pair<EndpointCreate, std::string>> bad;
  const auto add = [&](EndpointCreate request, auto change, std::string names) {
    change(request);
    bad.emplace_back(std::move(request), std::move(names));
  };
  add(
      bench.rtp("e"), [](auto& r) { r.port = "wan"; }, "lan");
  add(
      bench.rtp("e"), [](auto& r) { r.latch = dataplane::LatchPolicy::kAuthenticated; }, "latch");
  add(
      bench.sdes("e"), [](auto& r) { r.latch = dataplane::LatchPolicy::kOnce; }, "latch");
  add(
      bench.sdes("e"), [](auto& r) { r.receive_key.assign(std::vector<std::uint8_t>(30, 1)); }, "28 bytes");
  add(
      bench.sdes("e"), [](auto& r) { r.send_key = r.receive_key; }, "sendKey");
  add(
      bench.rtp("e"), [](auto& r) { r.profile = crypto::SrtpProfile::kAeadAes128Gcm; }, "profile");
  add(
      bench.rtp("e"), [](auto& r) { r.ice_ufrag = "abcd"; }, "ice");
  add(
      bench.rtp("e"),
      [](auto& r) {
        r.fingerprints = {{"sha-256", "AA"}};
      },
      "dtls");
  add(
      bench.rtp("e"), [](auto& r) { r.transport = IceTransport::kShared; }, "transport");
  add(
      bench.webrtc("e"), [](auto& r) { r.rtcp_mux = false; }, "rtcpMux");
  add(
      bench.webrtc("e"),
      [](auto& r) {
        r.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 9), 1, 0};
      },
      "remote");
  add(
      bench.webrtc("e"), [](auto& r) { r.ice_ufrag = "a b"; }, "ice.ufrag");
  add(
      bench.rtp("e"), [](auto& r) { r.remote->rtp_port = 0; }, "rtpPort");
  add(
      bench.rtp("e"), [](auto& r) { r.remote->address = config::IpAddress::v4(224, 0, 0, 1); }, "unicast");
  add(
      bench.rtp("e"), [](auto& r) { r.family = config::IpFamily::kIpv6; }, "remote.address");
  add(
      bench.rtp("e"), [](auto& r) { r.mid_extension_id = 15; }, "midExtensionId");
  add(
      bench.rtp("e"), [](auto& r) { r.dscp = 64; }, "dscp");
  add(
      bench.rtp("e"), [](auto& r) { r.latch_network = *config::IpPrefix::parse("198.18.0.0/24"); },
      "latchNetwork");
  for (const auto& [request, names] : bad) {
    const auto result = bench.sessions->create_endpoint(request);
    const RequestError& error = SessionFixture::error_of(result);
    EXPECT_EQ(error.kind, ErrorKind::kInvalidParameter) << names;
    EXPECT_NE(error.message.find(names), std::string::npos) << error.message;
  }
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 0u);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 0u);
}

TEST(Sessions, FamilyFollowsPortAndRemote) {
  SessionFixture bench;
  bench.session();
  EXPECT_EQ(bench.create(bench.rtp("four", false)).local_address.to_string(), "198.18.0.1");
  EndpointCreate six = bench.rtp("six", false);
  six.family = config::IpFamily::kIpv6;
  EXPECT_EQ(bench.create(six).local_address.to_string(), "2001:db8::1") << "not the link-local one";
  EndpointCreate by_remote = bench.rtp("remote", false);
  by_remote.remote = RemoteAddress{*config::IpAddress::parse("2001:db8::9"), 4000, 0};
  EXPECT_EQ(bench.create(by_remote).family, config::IpFamily::kIpv6);
}

TEST(Sessions, NoIpv6OnThePort) {
  SessionFixture bench(test::small_config(), 1, false);
  bench.session();
  EndpointCreate request = bench.rtp("six", false);
  request.family = config::IpFamily::kIpv6;
  const auto result = bench.sessions->create_endpoint(request);
  const RequestError& error = SessionFixture::error_of(result);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidParameter);
  EXPECT_NE(error.message.find("\"lan\" has no ipv6 address"), std::string::npos) << error.message;
}

TEST(Sessions, LatchPolicies) {
  SessionFixture bench;
  bench.session();
  const auto slot = [&](const EndpointView& view) -> const dataplane::EndpointSlot& {
    for (std::uint32_t i = 0;; ++i)
      if (bench.plane.memory(0).endpoints[i].local.address.port == view.local_rtp_port)
        return bench.plane.memory(0).endpoints[i];
  };
  EXPECT_EQ(bench.create(bench.rtp("fixed")).latch, dataplane::LatchPolicy::kFixed);
  const EndpointView once = bench.create(bench.rtp("once", false));
  EXPECT_EQ(once.latch, dataplane::LatchPolicy::kOnce);
  EXPECT_EQ(slot(once).latch_deadline_tsc, bench.plane.tsc + 5 * bench.plane.tsc_hz());
  EndpointCreate network = bench.rtp("network", false);
  network.latch_network = *config::IpPrefix::parse("198.18.0.64/26");
  const EndpointView bounded = bench.create(network);
  EXPECT_EQ(slot(bounded).latch_deadline_tsc, 0u) << "with a named network there is no deadline";
  EXPECT_EQ(slot(bounded).latch_network.length, 26);
  EXPECT_EQ(bench.create(bench.sdes("s1")).latch, dataplane::LatchPolicy::kAuthenticated);
}

TEST(Sessions, SignalledRemoteIsResolvedAndTold) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a"));  // RTCP on a second UDP port
  bench.answer_arp();
  const auto& remotes = bench.plane.worker(0).remotes;
  ASSERT_EQ(remotes.size(), 2u);
  EXPECT_EQ(remotes[0].address.to_string(), "198.18.0.77:5000");
  EXPECT_EQ(remotes[0].next_hop, test::kPeerMac);
  EXPECT_EQ(remotes[0].component, dataplane::Component::kRtp);
  EXPECT_EQ(remotes[1].address.to_string(), "198.18.0.77:5001");
  EXPECT_EQ(remotes[1].component, dataplane::Component::kRtcp);
  EXPECT_EQ(bench.count_events("endpoint.connected"), 1u);
  EXPECT_EQ(std::get<EndpointView>(bench.sessions->get_endpoint("s", "a")).state, EndpointState::kConnected);

  // The MAC is known now, so the worker gets the remote at once. A remote off the link goes through the
  // gateway, which is resolved at the start.
  EndpointCreate muxed = bench.sdes("b");
  muxed.rtcp_mux = true;
  bench.create(muxed);
  bench.settle();
  ASSERT_EQ(remotes.size(), 3u);
  EXPECT_EQ(remotes[2].address.to_string(), "198.18.0.77:5000");
  EndpointCreate far = bench.rtp("far");
  far.remote->address = config::IpAddress::v4(198, 19, 9, 9);
  bench.create(far);
  bench.settle();
  ASSERT_EQ(remotes.size(), 5u);
  EXPECT_EQ(remotes[3].address.to_string(), "198.19.9.9:5000");
  EXPECT_EQ(remotes[3].next_hop, test::kPeerMac);
  bench.expect_no_breach();
}

TEST(Sessions, RemoteIsToldAgainWhenItsMacChanges) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.sdes("a"));
  bench.answer_arp();
  ASSERT_EQ(bench.plane.worker(0).remotes.size(), 2u);
  const auto& hops = bench.plane.worker(0).next_hops;
  // The station stops answering, and another station answers for its address.
  bench.peer_mac = {0x02, 0, 0, 0, 0, 0x99};
  for (int i = 0; i < 60 && hops.empty(); ++i) {
    bench.live(std::chrono::seconds(1));
    auto& slot = bench.plane.memory(0).endpoints[0];
    slot.last_received_tsc.set(bench.plane.tsc);
    bench.answer_arp();
  }
  ASSERT_EQ(hops.size(), 2u);
  EXPECT_EQ(hops[0].next_hop, bench.peer_mac);
  EXPECT_EQ(hops[1].next_hop, bench.peer_mac);
  EXPECT_EQ(hops[1].address.port, 5001);
  EXPECT_EQ(bench.plane.worker(0).remotes.size(), 2u) << "the address has not changed";
}

TEST(Sessions, RemoteWithNoWayThereIsRefused) {
  SessionFixture bench;
  bench.plane.ports[0].gateway.reset();
  test::ScriptedPlane& plane = bench.plane;
  Sessions::Options options;
  options.config = bench.config;
  options.random = [](std::span<std::uint8_t> out) { std::fill(out.begin(), out.end(), std::uint8_t{5}); };
  std::string why;
  Sessions sessions(std::move(options), plane, crypto::make_engine(crypto::EngineKind::kLibsrtp, why));
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(sessions.create_session({.id = "s"})));
  for (const char* address : {"198.19.9.9", "198.18.0.1", "198.18.0.255", "127.0.0.1"}) {
    EndpointCreate request = bench.rtp("a");
    request.remote->address = *config::IpAddress::parse(address);
    const auto result = sessions.create_endpoint(request);
    EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kInvalidParameter) << address;
  }
  EXPECT_EQ(sessions.worker_load(0).endpoints, 0u);
}

TEST(Sessions, ConnectMovesTheRemote) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.sdes("a", false));
  bench.settle();
  EXPECT_TRUE(bench.plane.worker(0).remotes.empty());
  EndpointConnect connect;
  connect.session = "s";
  connect.id = "a";
  connect.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 5), 7000, 7005};
  EXPECT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(connect)));
  bench.answer_arp();
  ASSERT_EQ(bench.plane.worker(0).remotes.size(), 2u);
  EXPECT_EQ(bench.plane.worker(0).remotes[1].address.port, 7005);
  connect.remote->rtp_port = 8000;
  connect.remote->rtcp_port = 0;
  EXPECT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(connect)));
  bench.settle();
  ASSERT_EQ(bench.plane.worker(0).remotes.size(), 4u);
  EXPECT_EQ(bench.plane.worker(0).remotes[2].address.port, 8000);
  EXPECT_EQ(bench.plane.worker(0).remotes[3].address.port, 8001);
  const auto view = std::get<EndpointView>(bench.sessions->get_endpoint("s", "a"));
  EXPECT_EQ(view.remote->rtp_port, 8000);
  connect.ice_ufrag = "abcd";
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->connect_endpoint(connect)).kind,
            ErrorKind::kInvalidParameter);
}

TEST(Sessions, LatchedAddressIsShownAndNotOverruled) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.sdes("a"));
  bench.answer_arp();
  const std::size_t told = bench.plane.worker(0).remotes.size();
  dataplane::Note note;
  note.kind = dataplane::NoteKind::kLatched;
  note.ref = {0, bench.plane.worker(0).endpoints.at(0)};
  note.address = {config::IpAddress::v4(198, 18, 0, 200), 9999};
  bench.plane.worker(0).tell(note);
  bench.settle();
  const auto view = std::get<EndpointView>(bench.sessions->get_endpoint("s", "a"));
  EXPECT_EQ(view.remote->address.to_string(), "198.18.0.200");
  EXPECT_EQ(view.remote->rtp_port, 9999);
  EXPECT_EQ(bench.count_events("endpoint.latched"), 1u);
  bench.answer_arp();
  EXPECT_EQ(bench.plane.worker(0).remotes.size(), told)
      << "ARP must not replace the address that the worker latched";
}

TEST(Sessions, SdesKeysAreExpandedAnnouncedAndWiped) {
  SessionFixture bench;
  bench.session();
  for (const auto profile : crypto::kAllSrtpProfiles) {
    const auto info = crypto::profile_info(profile);
    EndpointCreate request = bench.sdes(std::string(info.name));
    request.profile = profile;
    request.receive_key.assign(std::vector<std::uint8_t>(std::size_t{info.key_length} + info.salt_length, 7));
    const EndpointView view = bench.create(request);
    EXPECT_EQ(view.profile, profile);
    EXPECT_EQ(view.send_key.size(), std::size_t{info.key_length} + info.salt_length);
  }
  bench.settle();
  EXPECT_EQ(bench.plane.worker(0).keyed.size(), 4u);
  EXPECT_EQ(bench.engine->expanded, 8);
  bench.sessions->remove_session("s", [](auto) {});
  bench.settle();
  EXPECT_EQ(bench.engine->released, 8);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto& keys = bench.plane.memory(0).keys[i];
    EXPECT_FALSE(keys.send.ready);
    for (const auto* block : {&keys.send.rtp, &keys.send.rtcp, &keys.receive.rtp, &keys.receive.rtcp})
      for (const std::uint8_t byte : block->bytes) ASSERT_EQ(byte, 0);
  }
  bench.expect_no_breach();
}

TEST(Sessions, KeysThatCannotBeInstalledEndThatCreationAlone) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.sdes("good"));
  for (const int after : {0, 1}) {
    bench.engine->refuse_after = after;
    const auto result = bench.sessions->create_endpoint(bench.sdes("bad"));
    const RequestError& error = SessionFixture::error_of(result);
    EXPECT_EQ(error.kind, ErrorKind::kInternal);
    EXPECT_NE(error.message.find("AEAD_AES_128_GCM"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("told to refuse"), std::string::npos) << error.message;
    bench.engine->refuse_after = -1;
  }
  EXPECT_EQ(bench.engine->expanded - bench.engine->released, 2) << "one key of a pair was not released";
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 1u);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 2u);
  bench.create(bench.sdes("bad"));
  bench.settle();
  bench.expect_no_breach();
}

TEST(Sessions, ProfileThatDidNotPassIsNotGiven) {
  SessionFixture bench;
  Sessions::Options options;
  options.config = bench.config;
  options.profiles = {crypto::SrtpProfile::kAesCm128HmacSha1_80};
  options.random = [](std::span<std::uint8_t> out) { std::fill(out.begin(), out.end(), std::uint8_t{5}); };
  std::string error;
  test::ScriptedPlane plane(bench.config.limits, 1);
  Sessions sessions(std::move(options), plane, crypto::make_engine(crypto::EngineKind::kLibsrtp, error));
  ASSERT_TRUE(std::holds_alternative<Created<SessionView>>(sessions.create_session({.id = "s"})));
  const auto result = sessions.create_endpoint(bench.sdes("a"));
  EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kInvalidParameter);
  EXPECT_NE(SessionFixture::error_of(result).message.find("AES_CM_128_HMAC_SHA1_80"), std::string::npos);
}

TEST(Sessions, SlotHoldsWhatWasAskedFor) {
  SessionFixture bench;
  bench.plane.ports[0].vlan = 7;
  bench.plane.ports[0].mtu = 1400;
  bench.session();
  EndpointCreate request = bench.sdes("a");
  request.dscp = 46;
  request.mid_extension_id = 3;
  request.repair_payload_types = {97, 121};
  bench.create(request);
  const auto& slot = bench.plane.memory(0).endpoints[0];
  EXPECT_EQ(slot.kind, dataplane::EndpointKind::kSdes);
  EXPECT_TRUE(slot.encrypted);
  EXPECT_FALSE(slot.rtcp_mux);
  EXPECT_EQ(slot.port_id, 3);
  EXPECT_EQ(slot.vlan, 7);
  EXPECT_EQ(slot.max_frame, 1418);
  EXPECT_EQ(slot.dscp, 46);
  EXPECT_EQ(slot.mid_extension_id, 3);
  EXPECT_TRUE(slot.repair_types.has(97) && slot.repair_types.has(121) && !slot.repair_types.has(96));
  EXPECT_NE(slot.local_ssrc, 0u);
  EXPECT_EQ(slot.max_streams, bench.config.limits.streams_per_endpoint);
  EXPECT_EQ(slot.local.mac, bench.plane.ports[0].mac);
}

TEST(Sessions, ShutDownRefusesAndEndsAll) {
  SessionFixture bench(test::small_config(), 2);
  for (const char* id : {"s", "t", "empty"}) bench.session(id);
  bench.create(bench.rtp("a"));
  bench.create(bench.sdes("b"));
  bench.route("r", "a", "b");
  bench.settle();
  bool done = false;
  bench.sessions->shut_down([&] { done = true; });
  EXPECT_FALSE(done);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_session({.id = "new"})).kind,
            ErrorKind::kWrongState);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_endpoint(bench.rtp("new"))).kind,
            ErrorKind::kWrongState);
  bench.settle();
  EXPECT_TRUE(done);
  EXPECT_EQ(bench.sessions->session_count(), 0u);
  EXPECT_EQ(bench.last<EndpointRemoved>().reason, "shutdown");
  bench.expect_no_breach();
}

TEST(Sessions, ShutDownWithNothingToEndIsDoneAtOnce) {
  SessionFixture bench;
  bench.session();
  bool done = false;
  bench.sessions->shut_down([&] { done = true; });
  EXPECT_TRUE(done);
}

TEST(Sessions, RemovalInACompletionIsFine) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  bool session_gone = false;
  bench.sessions->remove_endpoint("s", "a", [&](auto) {
    bench.sessions->remove_endpoint(
        "s", "b", [&](auto) { bench.sessions->remove_session("s", [&](auto) { session_gone = true; }); });
  });
  bench.settle();
  EXPECT_TRUE(session_gone);
}

}  // namespace
}  // namespace sluice::control
