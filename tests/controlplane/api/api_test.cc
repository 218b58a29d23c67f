// The definitions of the requests: each request is the same after encoding to JSON and decoding, and each bad
// parameter is named.
#include "controlplane/api/api.h"

#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <sstream>

#include "controlplane/api/api_views.h"
#include "controlplane/base/base64.h"
#include "controlplane/base/bounds.h"
#include "controlplane/base/rfc3339.h"

namespace sluice::control {
namespace {

Json parse(const std::string& text) {
  auto parsed = parse_json(text);
  if (const auto* why = std::get_if<std::string>(&parsed)) ADD_FAILURE() << *why << " in " << text;
  return std::holds_alternative<Json>(parsed) ? std::get<Json>(parsed) : Json();
}

struct MethodAndParams {
  const char* method;
  const char* params;
};

// encode_params must return exactly these members after decoding: they contain none that decoding discards.
const std::vector<MethodAndParams>& samples() {
  static const std::vector<MethodAndParams> kSamples{
      {"version", "{}"},
      {"session.create", "{}"},
      {"session.create", R"({"id":"call-1@host:5060.x_y"})"},
      {"session.create", R"({"idleTimeoutS":0,"leaseS":86400})"},
      {"session.renew", R"({"id":"a"})"},
      {"session.renew", R"({"id":"a","idleTimeoutS":300,"leaseS":0})"},
      {"session.list", "{}"},
      {"session.list", R"({"prefix":"call-","olderThanS":60,"cursor":"call-1","limit":500,"count":true})"},
      {"session.get", R"({"id":"a"})"},
      {"session.remove", R"({"id":"a"})"},
      {"endpoint.create", R"({"session":"s","kind":"rtp"})"},
      {"endpoint.create",
       R"({"session":"s","id":"e","kind":"rtp","port":"edge","family":"ipv6","rtcpMux":true,"midExtensionId":14,
           "dscp":46,"remote":{"address":"2001:db8::7","rtpPort":4000,"rtcpPort":4001},"latch":"once",
           "latchNetwork":"2001:db8::/32"})"},
      {"endpoint.create",
       R"({"session":"s","id":"e","kind":"sdes","rtcpMux":false,"remote":{"address":"198.18.0.9","rtpPort":65535},
           "latch":"authenticated","profile":"AES_CM_128_HMAC_SHA1_80",
           "receiveKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
           "sendKey":"////////////////////////////////////////","srtcpIndex":2147483646,"sendMki":{"value":0,"length":1},"rolloverCounters":[
           {"ssrc":0,"rolloverCounter":4294967295,"sequence":65535},{"ssrc":1,"rolloverCounter":0}]})"},
      {"endpoint.create", R"({"session":"s","kind":"webrtc"})"},
      {"endpoint.create", R"({"session":"s","kind":"sdes"})"},
      {"endpoint.create", R"({"session":"s","kind":"webrtc","dtls":{"setup":"actpass"}})"},
      {"endpoint.connect",
       R"({"session":"s","id":"e","kind":"sdes","rtcpMux":false,"remote":{"address":"198.18.0.2","rtpPort":4000},
           "profile":"AEAD_AES_128_GCM","receiveKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
           "sendKey":"GxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAA==","receiveMki":{"value":4294967295,"length":4},"rolloverCounters":[{"ssrc":7,"rolloverCounter":3,"sequence":0}]})"},
      {"endpoint.connect", R"({"session":"s","id":"e","dtls":{"setup":"passive"}})"},
      {"endpoint.create",
       R"({"session":"s","id":"e","kind":"webrtc","idleTimeoutS":30,"consentTimeoutMs":5000,"transport":"shared","dtls":{"setup":"active","fingerprints":[
           {"algorithm":"sha-256","value":"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"}]},
           "ice":{"ufrag":"abcd","password":"abcdefghijklmnopqrstuv"}})"},
      {"endpoint.connect",
       R"({"session":"s","id":"e","idleTimeoutS":0,"consentTimeoutMs":0,"remote":{"address":"198.18.0.9","rtpPort":9},"ice":{"ufrag":"ab+/",
           "password":"abcdefghijklmnopqrstuv"}})"},
      {"endpoint.list", "{}"},
      {"endpoint.list", R"({"session":"s"})"},
      {"endpoint.list",
       R"({"session":"s","kind":"rtp","state":"failed","port":"edge","cursor":"s/a","limit":1,"count":true})"},
      {"endpoint.get", R"({"session":"s","id":"e"})"},
      {"endpoint.get", R"({"session":"s","id":"e","showKeys":true})"},
      {"endpoint.remove", R"({"session":"s","id":"e"})"},
      {"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1})"},
      {"route.create",
       R"({"session":"s","id":"r","from":{"endpoint":"a","ssrc":0},"to":"b","ssrc":4294967295,"clockRate":1000000,
           "payloadTypes":[{"from":0,"to":127}],"headerExtensions":[],"keyframeOnSwitch":true,"rolloverCounter":0,
           "sequence":0,"retransmit":false,"dscp":34})"},
      {"route.create",
       R"({"session":"s","from":{"endpoint":"a","payloadTypes":[96,97]},"to":"b","clockRate":90000,
           "headerExtensions":[{"from":1,"to":14},{"from":2,"to":1}]})"},
      {"route.switch", R"({"session":"s","id":"r","from":{"endpoint":"c","mid":"video0"}})"},
      {"route.list", R"({"session":"s"})"},
      {"route.list", R"({"session":"s","from":"a","to":"b","cursor":"s/r","limit":9,"count":true})"},
      {"route.get", R"({"session":"s","id":"r"})"},
      {"route.remove", R"({"session":"s","id":"r"})"},
      {"stream.list", R"({"session":"s","endpoint":"e"})"},
      {"stream.list", R"({"session":"s","endpoint":"e","ssrc":0,"cursor":"0/7","limit":9,"count":true})"},
      {"port.list", "{}"},
      {"port.list", R"({"udpPort":20000,"cursor":"s/e","limit":9})"},
      {"neighbor.list", "{}"},
      {"neighbor.list", R"({"port":"lan","state":"failed","cursor":"0/2001:db8::1","limit":9,"count":true})"},
      {"worker.list", "{}"},
      {"drop.list", "{}"},
      {"drop.list", R"({"worker":0})"},
      {"event.subscribe", "{}"},
      {"shutdown", "{}"}};
  return kSamples;
}

/// The sample of the method that has the text in its parameters.
const char* sample(std::string_view method, std::string_view text) {
  for (const auto& each : samples())
    if (each.method == method && std::string_view(each.params).find(text) != std::string_view::npos)
      return each.params;
  return "{}";
}

TEST(ApiCodec, EveryRequestSurvivesTheWayToJsonAndBack) {
  std::set<std::string> seen;
  for (const auto& [method, text] : samples()) {
    const Json params = parse(text);
    const auto decoded = decode_request(method, params);
    ASSERT_TRUE(std::holds_alternative<Request>(decoded))
        << method << " " << text << ": " << std::get<ApiError>(decoded).message;
    const auto& request = std::get<Request>(decoded);
    EXPECT_EQ(method_name(request), method);
    EXPECT_EQ(Json::parse(to_line(encode_params(request))), params) << method;
    seen.insert(method);
  }
  for (const auto& method : methods()) EXPECT_TRUE(seen.contains(std::string(method.name))) << method.name;
}

TEST(ApiCodec, DecodesWhatTheParametersSay) {
  const auto decoded = decode_request("endpoint.create", parse(sample("endpoint.create", "edge")));
  const auto& endpoint = std::get<EndpointCreate>(std::get<Request>(decoded));
  EXPECT_EQ(endpoint.session, "s");
  EXPECT_EQ(endpoint.kind, dataplane::EndpointKind::kRtp);
  EXPECT_EQ(endpoint.port, "edge");
  EXPECT_EQ(endpoint.family, config::IpFamily::kIpv6);
  EXPECT_EQ(endpoint.rtcp_mux, true);
  EXPECT_EQ(endpoint.mid_extension_id, 14);
  EXPECT_EQ(endpoint.dscp, 46);
  ASSERT_TRUE(endpoint.remote);
  EXPECT_EQ(endpoint.remote->address.to_string(), "2001:db8::7");
  EXPECT_EQ(endpoint.remote->rtp_port, 4000);
  EXPECT_EQ(endpoint.remote->rtcp_port, 4001);
  EXPECT_EQ(endpoint.latch, dataplane::LatchPolicy::kOnce);
  ASSERT_TRUE(endpoint.latch_network);
  EXPECT_EQ(endpoint.latch_network->length, 32);
}

TEST(ApiCodec, FingerprintsCompareEqualInAnyCase) {
  std::string value;
  for (int i = 0; i < 32; ++i) value += i == 0 ? "aB" : ":cd";
  const Json params{{"session", "s"},
                    {"id", "e"},
                    {"dtls", {{"fingerprints", {{{"algorithm", "sha-256"}, {"value", value}}}}}}};
  const auto decoded = decode_request("endpoint.connect", params);
  ASSERT_TRUE(std::holds_alternative<Request>(decoded)) << std::get<ApiError>(decoded).message;
  const Fingerprint& taken = std::get<EndpointConnect>(std::get<Request>(decoded)).fingerprints.at(0);
  Fingerprint spelled{"SHA-256", value};
  for (char& c : spelled.value) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(taken, spelled);
  spelled.value.back() = 'E';
  EXPECT_NE(taken, spelled);
}

TEST(ApiCodec, NothingThatComesInUpsetsIt) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  constexpr std::string_view kBytes = "{}[]\",:0123456789-+eE.truefalsn \\\x01\xff";
  std::size_t decoded = 0, refused = 0, unparsed = 0;
  for (int round = 0; round < 40000; ++round) {
    const auto& [method, params] = samples()[below(samples().size())];
    const auto& other = samples()[below(samples().size())];
    std::string text = params;
    for (std::size_t changes = below(4); changes > 0 && !text.empty(); --changes) {
      const auto at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = kBytes[below(kBytes.size())];
          break;
        case 1:
          text.erase(at, 1 + below(8));
          break;
        case 2:
          text.insert(at, 1, kBytes[below(kBytes.size())]);
          break;
        default:
          text.insert(at, std::string_view(other.params).substr(below(std::strlen(other.params))));
          break;
      }
    }
    const auto parsed = parse_json(text);
    if (!std::holds_alternative<Json>(parsed)) {
      ++unparsed;
      continue;
    }
    const auto request = decode_request(below(4) == 0 ? other.method : method, std::get<Json>(parsed));
    if (const auto* error = std::get_if<ApiError>(&request)) {
      ASSERT_FALSE(error->message.empty());
      ASSERT_TRUE(Json::accept(to_line(render(*error)))) << error->message;
      ++refused;
    } else {
      // A request that was accepted is the same after it is encoded and decoded.
      const auto& taken = std::get<Request>(request);
      const auto said = Json::parse(to_line(encode_params(taken)));
      const auto again = decode_request(method_name(taken), said);
      ASSERT_TRUE(std::holds_alternative<Request>(again)) << said.dump() << " of " << text;
      ASSERT_EQ(Json::parse(to_line(encode_params(std::get<Request>(again)))), said);
      ++decoded;
    }
  }
  EXPECT_GT(decoded, 1000u);
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(unparsed, 1000u);
}

struct Refusal {
  const char* method;
  const char* params;
  const char* param;    // expected data.param
  const char* allowed;  // expected part of data.allowed
};

class ApiRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(ApiRefusal, NamesTheParameterWhatWasFoundAndWhatIsAllowed) {
  const auto& [method, params, param, allowed] = GetParam();
  const auto decoded = decode_request(method, parse(params));
  ASSERT_TRUE(std::holds_alternative<ApiError>(decoded)) << params;
  const auto& error = std::get<ApiError>(decoded);
  EXPECT_EQ(error.code, kErrorInvalidParams);
  const auto& data = error.data;
  EXPECT_EQ(data["param"], param) << error.message;
  EXPECT_NE(data["allowed"].get<std::string>().find(allowed), std::string::npos) << error.message;
  EXPECT_FALSE(data["found"].get<std::string>().empty());
  EXPECT_NE(error.message.find(param), std::string::npos);
}

TEST(ApiDecode, ShowsAnUnknownParameterOnOneShortLine) {
  const auto refuse = [](const std::string& name) {
    const auto decoded = decode_request("session.create", Json{{name, 1}});
    return std::get<ApiError>(decoded).message;
  };
  EXPECT_NE(refuse("bell\a\r\n").find(R"(bell\u0007\r\n: found)"), std::string::npos) << refuse("bell\a\r\n");
  EXPECT_LT(refuse(std::string(1 << 20, 'n')).size(), 200U);
  EXPECT_EQ(refuse("colour").substr(0, 14), "colour: found ");
}

INSTANTIATE_TEST_SUITE_P(
    All, ApiRefusal,
    testing::Values(
        Refusal{"version", R"({"x":1})", "x", "no parameters"},
        Refusal{"version", R"([1])", "params", "an object"},
        Refusal{"session.create", R"({"id":""})", "id", "1..128"},
        Refusal{"session.create", R"({"id":"a b"})", "id", "1..128"},
        Refusal{"session.create", R"({"id":7})", "id", "1..128"},
        Refusal{"session.create", R"({"id":null})", "id", "1..128"},
        Refusal{"session.create", R"({"ID":"a"})", "ID", "id"},
        Refusal{"session.get", R"({})", "id", "required"},
        Refusal{"endpoint.create", R"({"session":"s"})", "kind", "required"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sip"})", "kind", "rtp, sdes, webrtc"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","dscp":64})", "dscp", "0..63"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","dscp":-1})", "dscp", "0..63"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","dscp":1.0})", "dscp", "0..63"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","dscp":18446744073709551615})", "dscp",
                "0..63"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","rtcpMux":1})", "rtcpMux", "true, false"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","profile":"AEAD_AES_128_GCM"})", "profile",
                "kind sdes"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","ice":{}})", "ice", "kind webrtc"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","latch":"authenticated"})", "latch",
                "fixed, once"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","receiveKey":"AAAA"})", "receiveKey",
                "28 bytes"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","receiveKey":"not base64!"})",
                "receiveKey", "base64"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"sdes","profile":"AEAD_AES_256_GCM",
                    "receiveKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"})",
                "receiveKey", "44 bytes"},
        Refusal{
            "endpoint.create",
            R"({"session":"s","kind":"sdes","receiveKey":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd","latch":"once"})",
            "latch", "authenticated"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"rtp","rolloverCounters":[{"ssrc":1,"rolloverCounter":2}]})",
                "rolloverCounters", "kind sdes"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"sdes","rolloverCounters":[{"ssrc":1,"rolloverCounter":2}]})",
                "receiveKey", "required"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","rolloverCounters":[{"ssrc":1}]})",
                "rolloverCounters[0].rolloverCounter", "required"},
        Refusal{
            "endpoint.create",
            R"({"session":"s","kind":"sdes","rolloverCounters":[{"ssrc":1,"rolloverCounter":4294967296}]})",
            "rolloverCounters[0].rolloverCounter", "0..4294967295"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"sdes","rolloverCounters":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]})",
                "rolloverCounters", "at most 16"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","sendMki":{"value":1,"length":5}})",
                "sendMki.length", "0..4"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","receiveMki":{"value":256,"length":1}})",
                "receiveMki.value", "0..255"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","sendMki":{"value":1}})", "sendMki.length",
                "required"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","sendMki":{"value":1,"length":1}})",
                "sendMki", "kind sdes"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"sdes","srtcpIndex":2147483647})", "srtcpIndex",
                "0..2147483646"},
        Refusal{"endpoint.connect",
                R"({"session":"s","id":"e","rolloverCounters":[{"ssrc":1,"rolloverCounter":2},
                    {"ssrc":1,"rolloverCounter":3}]})",
                "rolloverCounters[1].ssrc", "each SSRC once"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"webrtc","remote":{"address":"198.18.0.1","rtpPort":1}})", "remote",
                "kind rtp"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","remote":"198.18.0.1:4000"})", "remote",
                "an object"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","remote":{"address":"198.18.0.1"}})",
                "remote.rtpPort", "required"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"rtp","remote":{"address":"198.18.0.1","rtpPort":0}})",
                "remote.rtpPort", "1..65535"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"rtp","remote":{"address":"198.18.0.256","rtpPort":1}})",
                "remote.address", "IPv4"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"rtp","remote":{"address":"0.0.0.0","rtpPort":1}})",
                "remote.address", "one host"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"rtp","remote":{"address":"198.18.0.1","rtpPort":1,"x":2}})",
                "remote.x", "address, rtpPort, rtcpPort"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"rtp","latchNetwork":"198.18.0.0/33"})",
                "latchNetwork", "prefix"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"webrtc","dtls":{"setup":"holdconn"}})",
                "dtls.setup", "passive, active, actpass"},
        Refusal{
            "endpoint.create",
            R"({"session":"s","kind":"webrtc","dtls":{"fingerprints":[{"algorithm":"md5","value":"00:01"}]}})",
            "dtls.fingerprints[0].algorithm", "sha-256"},
        Refusal{
            "endpoint.create",
            R"({"session":"s","kind":"webrtc","dtls":{"fingerprints":[{"algorithm":"sha-256","value":"00:01"}]}})",
            "dtls.fingerprints[0].value", "32 bytes"},
        Refusal{"endpoint.create",
                R"({"session":"s","kind":"webrtc","dtls":{"fingerprints":[0,0,0,0,0,0,0,0,0]}})",
                "dtls.fingerprints", "at most 8"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"webrtc","ice":{"ufrag":"abcd"}})",
                "ice.password", "required"},
        Refusal{"endpoint.create", R"({"session":"s","kind":"webrtc","ice":{"ufrag":"abc","password":"x"}})",
                "ice.ufrag", "4..256"},
        Refusal{"endpoint.connect", R"({"session":"s","id":"e","dtls":{"role":"active"}})", "dtls.role",
                "setup, fingerprints"},
        Refusal{"endpoint.connect", R"({"session":"s","id":"e","kind":"srtp"})", "kind", "rtp, sdes, webrtc"},
        Refusal{"endpoint.connect", R"({"session":"s","id":"e","receiveKey":"AAAA"})", "receiveKey",
                "28 bytes"},
        Refusal{"endpoint.connect", R"({"session":"s","id":"e","latch":"once"})", "latch", "rtcpMux"},
        Refusal{"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b"})", "clockRate",
                "required"},
        Refusal{"route.create", R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1000001})",
                "clockRate", "1..1000000"},
        Refusal{"route.create",
                R"({"session":"s","from":{"endpoint":"a","ssrc":1,"mid":"m"},"to":"b","clockRate":1})",
                "from.endpoint", "at most one"},
        Refusal{"route.create",
                R"({"session":"s","from":{"endpoint":"a","payloadTypes":[1,128]},"to":"b","clockRate":1})",
                "from.payloadTypes[1]", "0..127"},
        Refusal{
            "route.create",
            R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"payloadTypes":[{"from":1,"to":2},{"from":1,"to":3}]})",
            "payloadTypes", "one mapping"},
        Refusal{
            "route.create",
            R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"headerExtensions":[{"from":15,"to":1}]})",
            "headerExtensions", "1..14"},
        Refusal{"route.create",
                R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"ssrc":4294967296})", "ssrc",
                "0..4294967295"},
        Refusal{
            "route.create",
            R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"ssrc":7,"rolloverCounter":1})",
            "sequence", "required"},
        Refusal{"route.create",
                R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"sequence":1})", "ssrc",
                "required"},
        Refusal{"route.create",
                R"({"session":"s","from":{"endpoint":"a"},"to":"b","clockRate":1,"ssrc":7,"sequence":65536})",
                "sequence", "0..65535"},
        Refusal{"stream.list", R"({"endpoint":"e"})", "endpoint", "session and endpoint"},
        Refusal{"drop.list", R"({"worker":32})", "worker", "0..31"}));

TEST(ApiCodec, ErrorsNeverRepeatAKeyOrAPassword) {
  const std::string secret = "SECRETSECRETSECRETSECRET!";
  for (const Json& params :
       {Json{{"session", "s"}, {"kind", "sdes"}, {"receiveKey", secret}},
        Json{{"session", "s"}, {"kind", "sdes"}, {"receiveKey", {secret}}},
        Json{{"session", "s"}, {"kind", "sdes"}, {"receiveKey", {{"x", secret}}}},
        Json{{"session", "s"}, {"kind", "webrtc"}, {"ice", {{"ufrag", "abcd"}, {"password", secret}}}},
        Json{{"session", "s"}, {"kind", "webrtc"}, {"ice", {{"ufrag", "abcd"}, {"password", {secret}}}}},
        Json{{"session", "s"}, {"kind", "webrtc"}, {"ice", {secret}}}}) {
    const auto decoded = decode_request("endpoint.create", params);
    ASSERT_TRUE(std::holds_alternative<ApiError>(decoded));
    const auto& error = std::get<ApiError>(decoded);
    EXPECT_EQ(error.message.find("SECRET"), std::string::npos) << error.message;
    EXPECT_EQ(to_line(error.data).find("SECRET"), std::string::npos) << error.data;
  }
}

TEST(ApiCodec, AnUnknownMethodNamesThoseNearIt) {
  const auto decoded = decode_request("sesion.create", Json());
  const auto& error = std::get<ApiError>(decoded);
  EXPECT_EQ(error.code, kErrorUnknownMethod);
  const auto& data = error.data;
  EXPECT_EQ(data["near"], OrderedJson::array({"session.create"}));
  EXPECT_EQ(data["allowed"].size(), methods().size());
  const auto other = decode_request("route.frobnicate", Json());
  EXPECT_EQ(std::get<ApiError>(other).data["near"].size(), 5u);  // all of route.*
}

TEST(ApiDocs, EveryMethodAndParameterIsInTheManual) {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string manual = text.str();
  ASSERT_FALSE(manual.empty());
  const std::function<void(const Param&, std::string_view)> check = [&](const Param& param,
                                                                        std::string_view method) {
    EXPECT_NE(manual.find(param.name), std::string::npos) << method << " " << param.name;
    EXPECT_FALSE(param.help.empty()) << method << " " << param.name;
    for (const auto& member : param.members) check(member, method);
  };
  for (const auto& method : methods()) {
    EXPECT_NE(manual.find('`' + std::string(method.name) + '`'), std::string::npos) << method.name;
    for (const auto& param : method.params) check(param, method.name);
  }
}

TEST(ApiViews, ARouteIsAnObjectWithItsSource) {
  RouteView route;
  route.session = "s";
  route.id = "r";
  route.from.endpoint = "a";
  route.to = "b";
  route.payload_types = {{96, 97}};
  const auto object = render(route);
  EXPECT_EQ(object["from"].dump(), R"({"endpoint":"a"})");
  EXPECT_EQ(object["payloadTypes"].dump(), R"([{"from":96,"to":97}])");
  EXPECT_TRUE(object["headerExtensions"].is_null());
  route.from.ssrc = 7;
  route.header_extensions.emplace();
  EXPECT_EQ(render(route)["from"].dump(), R"({"endpoint":"a","ssrc":7})");
  EXPECT_EQ(render(route)["headerExtensions"].dump(), "[]");
  EXPECT_TRUE(render(route)["rolloverCounter"].is_null()) << "plain RTP";
  route.rollover_counter = 4294967295;
  route.sequence = 65535;
  EXPECT_EQ(render(route)["rolloverCounter"], 4294967295);
  EXPECT_EQ(render(route)["sequence"], 65535);
}

TEST(ApiViews, AStreamSaysWhereItStands) {
  StreamView stream;
  stream.sequence = 7;
  EXPECT_TRUE(render(stream)["rolloverCounter"].is_null()) << "plain RTP";
  stream.rollover_counter = 3;
  EXPECT_EQ(render(stream)["rolloverCounter"], 3);
  EXPECT_EQ(render(stream)["sequence"], 7);
}

TEST(ApiViews, EndpointsShowWhatTheirKindHas) {
  EndpointView endpoint;
  endpoint.kind = dataplane::EndpointKind::kSdes;
  endpoint.profile = crypto::SrtpProfile::kAeadAes128Gcm;
  const std::array<std::uint8_t, 28> key{1, 2, 3};
  endpoint.send_key.assign(key);
  endpoint.srtcp_index = 70000;
  endpoint.send_mki = {5, 2};
  endpoint.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 2), 4000, 4001};
  auto object = render(endpoint, Keys::kShown);
  EXPECT_EQ(object["crypto"]["profile"], "AEAD_AES_128_GCM");
  EXPECT_EQ(object["crypto"]["sendKey"], base64_encode(key));
  EXPECT_EQ(object["crypto"]["srtcpIndex"], 70000);
  EXPECT_EQ(object["crypto"]["sendMki"].dump(), R"({"value":5,"length":2})");
  EXPECT_TRUE(object["crypto"]["receiveMki"].is_null());
  object = render(endpoint);
  EXPECT_TRUE(object["crypto"]["sendKey"].is_null());
  EXPECT_TRUE(object["crypto"]["receiveKey"].is_null());
  EXPECT_EQ(object["remote"].dump(), R"({"address":"198.18.0.2","rtpPort":4000,"rtcpPort":4001})");
  EXPECT_FALSE(object.contains("ice"));

  endpoint.kind = dataplane::EndpointKind::kWebrtc;
  endpoint.state = EndpointState::kFailed;
  endpoint.reason = "fingerprint_mismatch";
  endpoint.text = "the peer's certificate";
  endpoint.ice_refused = {{"bad_integrity", 3}};
  endpoint.dtls_records_refused = 7;
  endpoint.remote.reset();
  endpoint.ice_ufrag = "abcd";
  endpoint.ice_password = "secret";
  EXPECT_EQ(render(endpoint, Keys::kShown)["ice"]["password"], "secret");
  object = render(endpoint);
  EXPECT_TRUE(object["ice"]["password"].is_null());
  EXPECT_EQ(object["state"], "failed");
  EXPECT_EQ(object["reason"], "fingerprint_mismatch");
  EXPECT_EQ(object["text"], "the peer's certificate");
  EXPECT_FALSE(object["ice"].contains("refused")) << "of endpoint.get alone";
  add_counts(object, endpoint);
  EXPECT_EQ(object["ice"]["refused"].dump(), R"({"bad_integrity":3})");
  EXPECT_EQ(object["dtls"]["recordsRefused"], 7);
  EXPECT_TRUE(object["remote"].is_null());
  EXPECT_EQ(object["ice"]["candidates"].size(), 1u);
  EXPECT_TRUE(object["ice"]["candidates"][0].contains("port"));
  EXPECT_FALSE(object.contains("crypto"));
}

TEST(ApiViews, AWorkerShowsItsLedger) {
  dataplane::WorkerCounters counters;
  counters.received.add(10);
  counters.forwarded.add(9);
  counters.drop(dataplane::DropReason::kReplayed);
  counters.copies.add(17);
  counters.retransmitted.add();
  counters.retransmit_misses.add(3);
  counters.retransmit_suppressed.add(2);
  counters.not_kept.add(4);
  counters.transmitted.add(18);
  counters.busy_cycles.add(700);
  counters.total_cycles.add(1000);
  const WorkerShare share{
      .worker = 1, .core = 3, .busy_share = 0.5, .cycles_per_packet = 812.4, .capacity_left_pps = {}};
  auto object = render_worker(share, counters);
  EXPECT_EQ(object["received"], 10);
  EXPECT_EQ(object["receiveDrops"], 1);
  EXPECT_EQ(object["retransmitted"], 1);
  EXPECT_EQ(object["retransmitMisses"], 3);
  EXPECT_EQ(object["retransmitSuppressed"], 2);
  EXPECT_EQ(object["notKept"], 4);
  EXPECT_EQ(object["busyCycles"], 700);
  EXPECT_EQ(object["totalCycles"], 1000);
  EXPECT_EQ(object["ledgerBalanced"], true);
  EXPECT_EQ(object["busyShare"], 0.5);
  EXPECT_EQ(object["cyclesPerPacket"], 812);
  EXPECT_TRUE(object["capacityLeftPps"].is_null());
  counters.received.add();
  EXPECT_EQ(render_worker({}, counters)["ledgerBalanced"], false);
}

TEST(ApiViews, AnEventCarriesItsFields) {
  const auto text = [](EventBody body) {
    return render(Event{.session = "s", .endpoint = "e", .body = std::move(body)}, "T").dump();
  };
  const auto expected = [](const std::string& type, const std::string& fields) {
    return R"({"time":"T","type":")" + type + R"(","session":"s","endpoint":"e")" + fields + "}";
  };
  EXPECT_EQ(text(EndpointRemoved{"idle"}), expected("endpoint.removed", R"(,"reason":"idle")"));
  EXPECT_EQ(text(EndpointCreated{}), expected("endpoint.created", ""));
  EXPECT_EQ(text(EndpointConnected{}), expected("endpoint.connected", ""));
  EXPECT_EQ(text(EndpointConnected{crypto::SrtpProfile::kAesCm128HmacSha1_32}),
            expected("endpoint.connected", R"(,"profile":"AES_CM_128_HMAC_SHA1_32")"));
  EXPECT_EQ(text(EndpointFailed{"protocol_error", "why"}),
            expected("endpoint.failed", R"(,"reason":"protocol_error","text":"why")"));
  EXPECT_EQ(text(EndpointLatched{true, {config::IpAddress::v4(198, 18, 0, 2), 9}}),
            expected("endpoint.latched", R"(,"component":"rtcp","address":"198.18.0.2:9")"));
  EXPECT_EQ(text(EndpointMtu{1400}), expected("endpoint.mtu", R"(,"pathMtu":1400)"));
  EXPECT_EQ(text(StreamStarted{4294967295}), expected("stream.started", R"(,"ssrc":4294967295)"));
  EXPECT_EQ(text(StreamEnded{0}), expected("stream.ended", R"(,"ssrc":0)"));
  const Event switched{.session = "s", .route = "r", .body = RouteSwitched{"a"}};
  EXPECT_EQ(render(switched, "T").dump(),
            R"({"time":"T","type":"route.switched","session":"s","route":"r","from":"a"})");
  const Event removed{.session = "s", .body = SessionRemoved{"request"}};
  EXPECT_EQ(render(removed, "T").dump(),
            R"({"time":"T","type":"session.removed","session":"s","reason":"request"})");
}

TEST(Rfc3339, SaysUtcAndCutsOffWhatIsFiner) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1767323045678)};
  EXPECT_EQ(rfc3339(time, TimePrecision::kSeconds), "2026-01-02T03:04:05Z");
  EXPECT_EQ(rfc3339(time, TimePrecision::kMilliseconds), "2026-01-02T03:04:05.678Z");
}

TEST(Bounds, SayWhatTheyHoldTo) {
  constexpr TextRule kRule{.min = 2, .max = 4, .punctuation = "+/"};
  for (const char* good : {"aZ", "09+/"}) EXPECT_TRUE(kRule.fits(good)) << good;
  for (const char* bad : {"", "a", "abcde", "a b", "a-b", "\xc3\xa9"}) EXPECT_FALSE(kRule.fits(bad)) << bad;
  EXPECT_EQ(kRule.allowed(), "2..4 characters of A-Z a-z 0-9 + /");
  EXPECT_EQ(kRule.found("a\n\"\xff"), R"("a\x0a\"\xff")");
  EXPECT_EQ(kRule.found(std::string(1000, 'x')).size(), 83u);
  EXPECT_TRUE((Range{1, 14}.has(1)) && (Range{1, 14}.has(14)));
  EXPECT_FALSE((Range{1, 14}.has(0)) || (Range{1, 14}.has(15)));
}

TEST(Json, RefusesWhatTheGrammarAllowsAndWeDoNot) {
  const auto deep = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(std::holds_alternative<Json>(parse_json(deep(kMaxJsonDepth))));
  EXPECT_TRUE(std::holds_alternative<std::string>(parse_json(deep(kMaxJsonDepth + 1))));
  EXPECT_TRUE(std::holds_alternative<std::string>(parse_json(std::string(1 << 20, '['))));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += R"({"a":)";
  EXPECT_TRUE(std::holds_alternative<std::string>(parse_json(objects)));
  for (const char* text : {"", "{", "{]", "nul", "\"\xff\"", "1e999", "{\"a\":1,}", "[1] x", "{'a':1}",
                           "\"a\nb\"", R"({"a":1,"a":2})", R"([{"b":{"a":1,"a":1}}])"})
    EXPECT_TRUE(std::holds_alternative<std::string>(parse_json(text))) << text;
  EXPECT_TRUE(std::holds_alternative<Json>(parse_json(R"([{"a":1},{"a":2}])")));
}

TEST(Json, WritesOneLineWhateverTheStringsHold) {
  const std::string line = to_line(OrderedJson("a\n\xff\r"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(Json::accept(line));
}

TEST(Base64, AgreesWithRfc4648AndIsStrict) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  std::array<std::uint8_t, 8> out{};
  for (const auto& [plain, text] : vectors) {
    const std::string_view bytes = plain;
    EXPECT_EQ(base64_encode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}), text);
    const auto length = base64_decode(text, out);
    ASSERT_TRUE(length) << text;
    EXPECT_EQ(std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*length)), plain);
  }
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Z m8", "Zm8-", "Zm9vYmFyZm9vYmFy"})
    EXPECT_FALSE(base64_decode(bad, out)) << bad;
}

}  // namespace
}  // namespace sluice::control
