// Every refusal of a request, from the JSON layer and from the sessions: each has the form of docs/api.md.
// And the two layers agree: the sessions refuse what JSON refuses, with the same parameter and allowed
// values.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "controlplane/api/api.h"
#include "controlplane/session/rules.h"
#include "tests/controlplane/server/error_shape.h"
#include "tests/controlplane/session/session_fixture.h"
#include "tests/controlplane/session/web_peer.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

const char* const kKey28 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
const char* const kKey30 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

/// Carries out a decoded request and keeps the reason when it is refused.
struct Ask {
  Sessions& sessions;
  std::optional<RequestError>& error;

  template <typename T>
  void note(const Result<T>& result) {
    if (const auto* refusal = std::get_if<RequestError>(&result)) error = *refusal;
  }
  Sessions::Done done() {
    return [this](std::optional<RequestError> refusal) { error = std::move(refusal); };
  }

  void operator()(const SessionCreate& r) { note(sessions.create_session(r)); }
  void operator()(const SessionRenew& r) { note(sessions.renew_session(r)); }
  void operator()(const SessionList& r) { note(sessions.list_sessions(r)); }
  void operator()(const PortList& r) { note(sessions.list_udp_ports(r)); }
  void operator()(const SessionGet& r) { note(sessions.get_session(r.id)); }
  void operator()(const SessionRemove& r) { sessions.remove_session(r.id, done()); }
  void operator()(const EndpointCreate& r) { note(sessions.create_endpoint(r)); }
  void operator()(const EndpointConnect& r) { note(sessions.connect_endpoint(r)); }
  void operator()(const EndpointList& r) { note(sessions.list_endpoints(r)); }
  void operator()(const EndpointGet& r) { note(sessions.get_endpoint(r.session, r.id)); }
  void operator()(const EndpointRemove& r) { sessions.remove_endpoint(r.session, r.id, done()); }
  void operator()(const RouteCreate& r) { note(sessions.create_route(r)); }
  void operator()(const RouteSwitch& r) { note(sessions.switch_route(r)); }
  void operator()(const RouteList& r) { note(sessions.list_routes(r)); }
  void operator()(const RouteGet& r) { note(sessions.get_route(r.session, r.id)); }
  void operator()(const RouteRemove& r) { sessions.remove_route(r.session, r.id, done()); }
  void operator()(const StreamList& r) { note(sessions.list_streams(r)); }
  void operator()(const NeighborList& r) { note(sessions.list_neighbors(r)); }
  void operator()(const auto&) {}
};

/// True when the method's definition has the member, for example "dtls.fingerprints[0].value".
bool has_param(const std::vector<Param>& params, std::string_view path) {
  const std::string_view name = path.substr(0, path.find_first_of(".["));
  for (const Param& param : params) {
    if (param.name != name) continue;
    const auto dot = path.find('.');
    return dot == std::string_view::npos || has_param(param.members, path.substr(dot + 1));
  }
  return false;
}

/// The error in its form on the wire, checked against docs/api.md; null when there was none.
Json refusal_of(Sessions& sessions, const char* method, const Json& params) {
  SCOPED_TRACE(std::string(method) + " " + params.dump());
  const auto decoded = decode_request(method, params);
  std::optional<ApiError> error;
  if (const auto* refused = std::get_if<ApiError>(&decoded)) {
    error = *refused;
  } else {
    std::optional<RequestError> refusal;
    std::visit(Ask{sessions, refusal}, std::get<Request>(decoded));
    if (refusal) error = to_api_error(*refusal);
  }
  if (!error) {
    ADD_FAILURE() << "was not refused";
    return nullptr;
  }
  const Json wire = Json::parse(to_line(render(*error)));
  test::expect_documented(wire);
  if (error->code == kErrorInvalidParams && error->data["found"] != "a parameter of that name" &&
      error->data["param"] != "params") {
    EXPECT_TRUE(has_param(find_method(method)->params, error->data["param"].get<std::string>()))
        << error->message;
  }
  return wire;
}

struct Refused {
  const char* method;
  const char* params;
  int code;
  const char* names;  // expected data.param, data.kind or data.limit; empty when there is only a message
};

class ApiRefusals : public testing::Test {
 protected:
  ApiRefusals() {
    bench.session();
    bench.create(bench.rtp("a"));
    bench.create(bench.rtp("b"));
    EndpointCreate mux = bench.rtp("mux");
    mux.rtcp_mux = true;
    bench.create(mux);
    bench.create(bench.webrtc("w"));
    bench.route("r", "a", "b", 7);
    bench.settle();
  }

  void expect(const std::vector<Refused>& all) {
    for (const auto& [method, params, code, names] : all) {
      const Json error = refusal_of(*bench.sessions, method, Json::parse(params));
      ASSERT_TRUE(error.is_object()) << method << params;
      EXPECT_EQ(error["code"], code) << error << params;
      const Json data = error.value("data", Json::object());
      const std::string named = data.contains("param")   ? data["param"]
                                : data.contains("kind")  ? data["kind"]
                                : data.contains("limit") ? data["limit"]
                                                         : Json("");
      EXPECT_EQ(named, names) << error << params;
    }
  }

  static config::Config config() {
    config::Config config = test::small_config();
    config.limits.routes_per_endpoint = 2;
    config.limits.sessions = 1;
    config.memory.packet_cache_mib = 0;
    return config;
  }

  SessionFixture bench{config()};
};

TEST_F(ApiRefusals, OfSessionsAndOfWhatIsNotThere) {
  expect({
      {"frobnicate", "{}", kErrorUnknownMethod, ""},
      {"version", R"({"x":1})", kErrorInvalidParams, "x"},
      {"version", "[1]", kErrorInvalidParams, "params"},
      {"session.create", R"({"id":"a b"})", kErrorInvalidParams, "id"},
      {"session.create", R"({"id":"new"})", kErrorLimit, "sessions"},
      {"session.get", "{}", kErrorInvalidParams, "id"},
      {"session.get", R"({"id":"none"})", kErrorNotFound, "session"},
      {"session.remove", R"({"id":"none"})", kErrorNotFound, "session"},
      {"endpoint.create", R"({"session":"none","kind":"rtp"})", kErrorNotFound, "session"},
      {"endpoint.list", R"({"session":"none"})", kErrorNotFound, "session"},
      {"endpoint.get", R"({"session":"s","id":"none"})", kErrorNotFound, "endpoint"},
      {"endpoint.get", R"({"session":"none","id":"a"})", kErrorNotFound, "session"},
      {"endpoint.remove", R"({"session":"s","id":"none"})", kErrorNotFound, "endpoint"},
      {"endpoint.connect", R"({"session":"s","id":"none"})", kErrorNotFound, "endpoint"},
      {"route.list", R"({"session":"none"})", kErrorNotFound, "session"},
      {"route.get", R"({"session":"s","id":"none"})", kErrorNotFound, "route"},
      {"route.remove", R"({"session":"s","id":"none"})", kErrorNotFound, "route"},
      {"route.switch", R"({"session":"s","id":"none","from":{"endpoint":"a"}})", kErrorNotFound, "route"},
      {"route.switch", R"({"session":"s","id":"r","from":{"endpoint":"none"}})", kErrorNotFound, "endpoint"},
      {"stream.list", R"({"session":"s","endpoint":"none"})", kErrorNotFound, "endpoint"},
      {"stream.list", R"({"session":"none"})", kErrorNotFound, "session"},
      {"stream.list", R"({"endpoint":"a"})", kErrorInvalidParams, "endpoint"},
      {"neighbor.list", R"({"cursor":"0/nowhere"})", kErrorInvalidParams, "cursor"},
      {"neighbor.list", R"({"cursor":"198.18.0.1"})", kErrorInvalidParams, "cursor"},
      {"neighbor.list", R"({"state":"gone"})", kErrorInvalidParams, "state"},
      {"drop.list", R"({"worker":32})", kErrorInvalidParams, "worker"},
  });
}

TEST_F(ApiRefusals, OfEndpoints) {
  const auto create = [](const std::string& rest) { return R"({"session":"s","id":"e",)" + rest + "}"; };
  const std::string sdes = R"("kind":"sdes","receiveKey":")";
  const std::vector<std::pair<std::string, const char*>> all{
      {create(R"("kind":"rtp","port":"wan")"), "port"},
      {create(R"("kind":"rtp","port":7)"), "port"},
      {create(R"("kind":"sip")"), "kind"},
      {create(R"("kind":"rtp","dscp":64)"), "dscp"},
      {create(R"("kind":"rtp","midExtensionId":15)"), "midExtensionId"},
      {create(R"("kind":"rtp","midExtensionId":3,"ridExtensionId":3)"), "ridExtensionId"},
      {create(R"("kind":"rtp","ridExtensionId":3,"repairedRidExtensionId":3)"), "repairedRidExtensionId"},
      {create(R"("kind":"rtp","repairPayloadTypes":[97,128])"), "repairPayloadTypes[1]"},
      {create(R"("kind":"rtp","rtcpMux":1)"), "rtcpMux"},
      {create(R"("kind":"webrtc","rtcpMux":false)"), "rtcpMux"},
      {create(R"("kind":"rtp","family":"ipv6","remote":{"address":"198.18.0.9","rtpPort":4000})"),
       "remote.address"},
      {create(R"("kind":"rtp","remote":{"address":"224.0.0.1","rtpPort":4000})"), "remote.address"},
      {create(R"("kind":"rtp","remote":{"address":"198.18.0.9"})"), "remote.rtpPort"},
      {create(R"("kind":"rtp","remote":{"address":"198.18.0.9","rtpPort":0})"), "remote.rtpPort"},
      {create(R"("kind":"rtp","remote":{"address":"198.18.0.9","rtpPort":65535})"), "remote.rtpPort"},
      {create(
           R"("kind":"rtp","rtcpMux":true,"remote":{"address":"198.18.0.9","rtpPort":4000,"rtcpPort":4001})"),
       "remote.rtcpPort"},
      {create(R"("kind":"webrtc","remote":{"address":"198.18.0.9","rtpPort":4000})"), "remote"},
      {create(R"("kind":"rtp","latch":"authenticated")"), "latch"},
      {create(sdes + kKey28 + R"(","latch":"once")"), "latch"},
      {create(R"("kind":"webrtc","latch":"fixed")"), "latch"},
      {create(R"("kind":"rtp","latch":"fixed","latchNetwork":"198.18.0.0/24")"), "latchNetwork"},
      {create(sdes + kKey28 + R"(","latchNetwork":"198.18.0.0/24")"), "latchNetwork"},
      {create(R"("kind":"rtp","profile":"AEAD_AES_128_GCM")"), "profile"},
      {create(sdes + kKey28 + R"(","profile":"NULL")"), "profile"},
      {create(sdes + "AAAA\""), "receiveKey"},
      {create(sdes + kKey30 + "\""), "receiveKey"},  // wrong for the default profile, which the daemon sets
      {create(sdes + kKey30 + R"(","profile":"AEAD_AES_128_GCM")"), "receiveKey"},
      {create(sdes + kKey28 + R"(","profile":"AEAD_AES_128_GCM","sendKey":")" + kKey30 + "\""), "sendKey"},
      {create(sdes + kKey28 + R"(","sendKey":")" + kKey28 + "\""), "sendKey"},
      {create(R"("kind":"rtp","transport":"shared")"), "transport"},
      {create(R"("kind":"rtp","dtls":{})"), "dtls"},
      {create(R"("kind":"rtp","ice":{})"), "ice"},
      {create(R"("kind":"webrtc","dtls":{"fingerprints":[0,0,0,0,0,0,0,0,0]})"), "dtls.fingerprints"},
      {create(R"("kind":"webrtc","dtls":{"fingerprints":[{"algorithm":"sha-1","value":"00"}]})"),
       "dtls.fingerprints[0].algorithm"},
      {create(R"("kind":"webrtc","dtls":{"fingerprints":[{"algorithm":"sha-256","value":"xx"}]})"),
       "dtls.fingerprints[0].value"},
      {create(R"("kind":"webrtc","ice":{"ufrag":"abc","password":"abcdefghijklmnopqrstuv"})"), "ice.ufrag"},
      {create(R"("kind":"webrtc","ice":{"ufrag":"abcd","password":"short"})"), "ice.password"},
      {create(R"("kind":"webrtc","ice":{"ufrag":"abcd"})"), "ice.password"},
  };
  for (const auto& [params, param] : all)
    expect({{"endpoint.create", params.c_str(), kErrorInvalidParams, param}});
  expect({
      {"endpoint.create", R"({"session":"s","id":"a","kind":"webrtc"})", kErrorConflict, ""},
      {"endpoint.connect", R"({"session":"s","id":"a"})", kErrorInvalidParams, "remote"},
      {"endpoint.connect",
       R"({"session":"s","id":"a","ice":{"ufrag":"abcd","password":"abcdefghijklmnopqrstuv"}})",
       kErrorInvalidParams, "ice"},
      {"endpoint.connect", R"({"session":"s","id":"w","remote":{"address":"198.18.0.9","rtpPort":4000}})",
       kErrorInvalidParams, "remote"},
      {"endpoint.connect",
       R"({"session":"s","id":"w","dtls":{"fingerprints":[{"algorithm":"md5","value":"00"}]}})",
       kErrorInvalidParams, "dtls.fingerprints[0].algorithm"},
  });
  const Json existing =
      refusal_of(*bench.sessions, "endpoint.create", {{"session", "s"}, {"id", "a"}, {"kind", "webrtc"}});
  EXPECT_EQ(existing["data"]["existing"]["kind"], "rtp");
}

TEST_F(ApiRefusals, OfRoutes) {
  const auto create = [](const std::string& rest) { return R"({"session":"s","id":"new",)" + rest + "}"; };
  const std::string ab = R"("from":{"endpoint":"a"},"to":"b","clockRate":8000,)";
  const std::vector<std::pair<std::string, const char*>> all{
      {create(R"("from":{"endpoint":"a"},"to":"b")"), "clockRate"},
      {create(R"("from":{"endpoint":"a"},"to":"b","clockRate":0)"), "clockRate"},
      {create(R"("from":{"endpoint":"a","ssrc":1,"mid":"m"},"to":"b","clockRate":1)"), "from.endpoint"},
      {create(R"("from":{"endpoint":"a","payloadTypes":[128]},"to":"b","clockRate":1)"),
       "from.payloadTypes[0]"},
      {create(R"("from":{"endpoint":"a","payloadTypes":[1,2,3,4,5,6,7,8,9]},"to":"b","clockRate":1)"),
       "from.payloadTypes"},
      {create(R"("from":{"endpoint":"a","mid":"a b"},"to":"b","clockRate":1)"), "from.mid"},
      {create(R"("from":{"endpoint":"a","mid":"m"},"to":"b","clockRate":1)"), "from.mid"},
      {create(ab + R"("ssrc":4294967296)"), "ssrc"},
      {create(ab + R"("payloadTypes":[{"from":1,"to":2},{"from":1,"to":3}])"), "payloadTypes"},
      {create(ab + R"("payloadTypes":[{"from":1,"to":128}])"), "payloadTypes[0].to"},
      {create(R"("from":{"endpoint":"a"},"to":"mux","clockRate":1,"payloadTypes":[{"from":96,"to":72}])"),
       "payloadTypes"},
      {create(ab + R"("headerExtensions":[{"from":0,"to":1}])"), "headerExtensions"},
      {create(ab + R"("headerExtensions":[{"from":1,"to":2},{"from":2,"to":2}])"), "headerExtensions"},
      {create(ab + R"("retransmit":true)"), "retransmit"},
  };
  for (const auto& [params, param] : all)
    expect({{"route.create", params.c_str(), kErrorInvalidParams, param}});
  expect({
      {"route.create", R"({"session":"s","from":{"endpoint":"none"},"to":"b","clockRate":1})", kErrorNotFound,
       "endpoint"},
      {"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"none","clockRate":1})", kErrorNotFound,
       "endpoint"},
      {"route.create", R"({"session":"s","id":"r","from":{"endpoint":"a"},"to":"mux","clockRate":1})",
       kErrorConflict, ""},
      {"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"ssrc":7})",
       kErrorConflict, "ssrc"},
      {"route.switch", R"({"session":"s","id":"r","from":{"endpoint":"a","mid":"m"}})", kErrorInvalidParams,
       "from.mid"},
  });
  bench.route("second", "a", "b");
  expect({{"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1})", kErrorLimit,
           "routes_per_endpoint"}});
}

TEST_F(ApiRefusals, OfWhatComesAtTheWrongTimeOrGoesWrong) {
  const std::string sdes =
      std::string(R"({"session":"s","id":"e","kind":"sdes","receiveKey":")") + kKey28 + "\"}";
  bench.engine->refuse = true;
  expect({{"endpoint.create", sdes.c_str(), kErrorInternal, ""}});
  bench.engine->refuse = false;
  bench.plane.worker(0).hold_acks();
  bench.sessions->remove_endpoint("s", "b", [](auto) {});
  bench.settle();
  expect({
      {"endpoint.create", R"({"session":"s","id":"b","kind":"rtp"})", kErrorState, ""},
      {"endpoint.connect", R"({"session":"s","id":"b"})", kErrorState, ""},
      {"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1})", kErrorState, ""},
      {"route.create", R"({"session":"s","id":"r","from":{"endpoint":"a"},"to":"b","clockRate":1})",
       kErrorState, ""},
      {"route.switch", R"({"session":"s","id":"r","from":{"endpoint":"a"}})", kErrorState, ""},
  });
  bench.sessions->remove_session("s", [](auto) {});
  expect({
      {"session.create", R"({"id":"s"})", kErrorState, ""},
      {"endpoint.create", R"({"session":"s","kind":"rtp"})", kErrorState, ""},
  });
  bench.sessions->shut_down([] {});
  expect({{"session.create", "{}", kErrorState, ""}});
  bench.plane.worker(0).release_acks();
  bench.settle();
}

TEST_F(ApiRefusals, OfARoleThatComesTooLateNamesIt) {
  test::WebPeer peer(bench, std::get<EndpointView>(bench.sessions->get_endpoint("s", "w")));
  EndpointConnect request;
  request.session = "s";
  request.id = "w";
  request.fingerprints = {peer.fingerprint()};
  request.ice_ufrag = peer.ufrag;
  request.ice_password = "peersOwnPasswordOf24char";
  ASSERT_TRUE(std::holds_alternative<EndpointView>(bench.sessions->connect_endpoint(request)));
  peer.check();
  peer.start_dtls();
  const char* const role = peer.view.setup == DtlsSetup::kActive ? "passive" : "active";
  const std::string params = fmt::format(R"({{"session":"s","id":"w","dtls":{{"setup":"{}"}}}})", role);
  expect({{"endpoint.connect", params.c_str(), kErrorState, "dtls.setup"}});
}

TEST(ApiRefusal, OfALoadedWorkerNamesIt) {
  test::expect_documented(Json::parse(to_line(render(to_api_error(refuse_load(70, 75, 1))))));
}

/// A fault of a request, made without JSON, as another front end could make it.
template <typename R>
struct Fault {
  std::function<void(R&)> make;
  const char* param;
};

/// Sessions and JSON both refuse each fault, and name the same parameter and the same allowed values.
template <typename R, typename Carry>
void expect_alike(const R& good, const std::vector<Fault<R>>& faults, Carry carry) {
  for (const auto& [make, param] : faults) {
    R bad = good;
    make(bad);
    const std::optional<RequestError> refused = carry(bad);
    ASSERT_TRUE(refused) << param;
    EXPECT_EQ(refused->kind, ErrorKind::kInvalidParameter) << refused->message;
    const auto& detail = std::get<InvalidParameter>(refused->detail);
    EXPECT_EQ(detail.param, param) << refused->message;
    const Json params = Json::parse(to_line(encode_params(Request(bad))));
    const auto decoded = decode_request(method_name(Request(bad)), params);
    ASSERT_TRUE(std::holds_alternative<ApiError>(decoded)) << params;
    EXPECT_EQ(to_line(std::get<ApiError>(decoded).data), to_line(to_api_error(*refused).data));
  }
}

class Drift : public testing::Test {
 protected:
  Drift() { bench.session(); }
  template <typename T>
  static std::optional<RequestError> error_in(const Result<T>& result) {
    const auto* error = std::get_if<RequestError>(&result);
    return error == nullptr ? std::nullopt : std::optional(*error);
  }
  SessionFixture bench;
};

TEST_F(Drift, JsonAndSessionsRefuseEndpointsAlike) {
  const auto carry = [this](const EndpointCreate& r) { return error_in(bench.sessions->create_endpoint(r)); };
  using E = EndpointCreate;
  expect_alike<E>(
      bench.rtp("e"),
      {{[](E& r) { r.id = "a b"; }, "id"},
       {[](E& r) { r.id.assign(129, 'a'); }, "id"},
       {[](E& r) { r.dscp = 64; }, "dscp"},
       {[](E& r) { r.mid_extension_id = 15; }, "midExtensionId"},
       {[](E& r) { r.remote->address = config::IpAddress::v4(224, 0, 0, 1); }, "remote.address"},
       {[](E& r) { r.remote->rtp_port = 0; }, "remote.rtpPort"},
       {[](E& r) { r.latch = dataplane::LatchPolicy::kAuthenticated; }, "latch"},
       {[](E& r) { r.latch_network = *config::IpPrefix::parse("198.18.0.0/24"); }, "latchNetwork"}},
      carry);
  expect_alike<E>(bench.sdes("e"),
                  {{[](E& r) { r.latch = dataplane::LatchPolicy::kOnce; }, "latch"},
                   {[](E& r) { r.profile = crypto::SrtpProfile::kAeadAes256Gcm; }, "receiveKey"},
                   {[](E& r) { r.send_key = r.receive_key; }, "sendKey"},
                   {[](E& r) { r.send_key.assign(std::vector<std::uint8_t>(30, 1)); }, "sendKey"}},
                  carry);
  expect_alike<E>(bench.webrtc("e"),
                  {{[](E& r) { r.rtcp_mux = false; }, "rtcpMux"},
                   {[](E& r) {
                      r.fingerprints = {{"sha-1", "AA:BB"}};
                    },
                    "dtls.fingerprints[0].algorithm"},
                   {[](E& r) {
                      r.fingerprints = {{"SHA-512", "AA:BB"}};
                    },
                    "dtls.fingerprints[0].value"},
                   {[](E& r) {
                      r.fingerprints = {{"sha-256", "no hex"}};
                    },
                    "dtls.fingerprints[0].value"},
                   {[](E& r) {
                      r.fingerprints.assign(9, {"sha-256", "AA"});
                    },
                    "dtls.fingerprints"},
                   {[](E& r) { r.ice_ufrag = "abc", r.ice_password.assign(22, 'x'); }, "ice.ufrag"},
                   {[](E& r) { r.ice_ufrag.assign(257, 'x'), r.ice_password.assign(22, 'x'); }, "ice.ufrag"},
                   {[](E& r) { r.ice_ufrag = "abcd", r.ice_password.assign(21, 'x'); }, "ice.password"},
                   {[](E& r) { r.ice_ufrag = "abcd", r.ice_password.assign(22, '-'); }, "ice.password"}},
                  carry);
}

TEST_F(Drift, JsonAndSessionsRefuseRoutesAlike) {
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  RouteCreate good;
  good.session = "s";
  good.id = "r";
  good.from.endpoint = "a";
  good.to = "b";
  good.clock_rate = 8000;
  using R = RouteCreate;
  expect_alike<R>(good,
                  {{[](R& r) { r.id = "a b"; }, "id"},
                   {[](R& r) { r.clock_rate = 0; }, "clockRate"},
                   {[](R& r) { r.clock_rate = 1000001; }, "clockRate"},
                   {[](R& r) { r.from.ssrc = 1, r.from.mid = "m"; }, "from.endpoint"},
                   {[](R& r) { r.from.mid.assign(17, 'm'); }, "from.mid"},
                   {[](R& r) { r.from.mid = "a b"; }, "from.mid"},
                   {[](R& r) {
                      r.from.payload_types = {1, 128};
                    },
                    "from.payloadTypes[1]"},
                   {[](R& r) { r.from.payload_types.assign(9, 1); }, "from.payloadTypes"},
                   {[](R& r) {
                      r.payload_types = {{0, 128}};
                    },
                    "payloadTypes[0].to"},
                   {[](R& r) {
                      r.payload_types = {{0, 1}, {0, 2}};
                    },
                    "payloadTypes"},
                   {[](R& r) {
                      r.payload_types.assign(9, {1, 1});
                    },
                    "payloadTypes"},
                   {[](R& r) {
                      r.header_extensions = {{{0, 1}}};
                    },
                    "headerExtensions"},
                   {[](R& r) {
                      r.header_extensions = {{{1, 15}}};
                    },
                    "headerExtensions"},
                   {[](R& r) {
                      r.header_extensions = {{{1, 2}, {1, 3}}};
                    },
                    "headerExtensions"},
                   {[](R& r) {
                      r.header_extensions = {{{1, 2}, {2, 2}}};
                    },
                    "headerExtensions"},
                   {[](R& r) {
                      r.header_extensions.emplace(15, NumberMapping{1, 1});
                    },
                    "headerExtensions"}},
                  [this](const R& r) { return error_in(bench.sessions->create_route(r)); });
}

}  // namespace
}  // namespace sluice::control
