#include "bench/gen/plan.h"

#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "controlplane/base/base64.h"

namespace sluice::gen {
namespace {

using Json = nlohmann::json;

[[noreturn]] void wrong(const std::string& where, const std::string& what) {
  throw std::runtime_error(where + ": " + what);
}

template <typename T>
T number(const Json& object, const char* key, const std::string& where, std::int64_t min, std::int64_t max,
         std::optional<T> fallback = std::nullopt) {
  const auto at = object.find(key);
  if (at == object.end() && fallback) return *fallback;
  if (at == object.end() || !at->is_number_integer() || at->get<std::int64_t>() < min ||
      at->get<std::int64_t>() > max)
    wrong(where + "." + key, "an integer " + std::to_string(min) + ".." + std::to_string(max) + " is wanted");
  return static_cast<T>(at->get<std::int64_t>());
}

std::string text(const Json& object, const char* key, const std::string& where) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string()) wrong(where + "." + key, "a string is wanted");
  return at->get<std::string>();
}

const Json& part(const Json& object, const char* key, Json::value_t type, const std::string& where) {
  const auto at = object.find(key);
  if (at == object.end() || at->type() != type)
    wrong(where + "." + key, type == Json::value_t::array ? "an array is wanted" : "an object is wanted");
  return *at;
}

dataplane::MacAddress mac(const Json& object, const char* key, const std::string& where) {
  const std::string value = text(object, key, where);
  dataplane::MacAddress out{};
  bool good = value.size() == 17;
  for (std::size_t i = 0; good && i < out.size(); ++i) {
    const char* at = value.data() + 3 * i;
    good = (i == 0 || at[-1] == ':') && std::from_chars(at, at + 2, out[i], 16).ptr == at + 2;
  }
  if (!good) wrong(where + "." + key, "a MAC address is wanted, not \"" + value + "\"");
  return out;
}

config::SocketAddress address(const Json& object, const char* key, const std::string& where) {
  const std::string value = text(object, key, where);
  const std::size_t colon = value.rfind(':');
  std::uint16_t port = 0;
  std::optional<config::IpAddress> ip;
  if (colon != std::string::npos) {
    std::string host = value.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    ip = config::IpAddress::parse(host);
    const char* end = value.data() + value.size();
    if (std::from_chars(value.data() + colon + 1, end, port).ptr != end) ip.reset();
  }
  if (!ip || port == 0) wrong(where + "." + key, "\"address:port\" is wanted, not \"" + value + "\"");
  return {*ip, port};
}

crypto::MasterKey master_key(const Json& object, const char* key, crypto::SrtpProfile profile,
                             const std::string& where) {
  std::array<std::uint8_t, 64> bytes{};
  const auto length = control::base64_decode(text(object, key, where), bytes);
  const crypto::SrtpProfileInfo info = crypto::profile_info(profile);
  if (!length || *length != std::size_t{info.key_length} + info.salt_length)
    wrong(where + "." + key, "base64 of " + std::to_string(info.key_length + info.salt_length) +
                                 " bytes, key and salt, is wanted");
  crypto::MasterKey out;
  out.profile = profile;
  out.key.assign(std::span(bytes).first(info.key_length));
  out.salt.assign(std::span(bytes).subspan(info.key_length, info.salt_length));
  crypto::wipe(bytes.data(), bytes.size());
  return out;
}

PlanEndpoint endpoint(const Json& object, const std::string& where) {
  PlanEndpoint out;
  out.address = address(object, "address", where);
  out.relay = out.relay_rtcp = address(object, "relay", where);
  out.rtcp_port = out.address.port;
  if (!object.value("rtcpMux", false)) {
    ++out.rtcp_port;
    ++out.relay_rtcp.port;
  }
  out.queue = number<std::uint16_t>(object, "queue", where, 0, 15, std::uint16_t{0});
  const std::string protection = text(object, "protection", where);
  if (protection != "none") {
    out.profile = crypto::profile_from_name(protection);
    if (!out.profile)
      wrong(where + ".protection", "\"none\" or an SRTP profile is wanted, not \"" + protection + "\"");
    out.send_key = master_key(object, "sendKey", *out.profile, where);
    out.receive_key = master_key(object, "receiveKey", *out.profile, where);
  }
  if (const auto ice = object.find("ice"); ice != object.end() && ice->is_object())
    out.ice = PlanIce{text(*ice, "ufrag", where + ".ice"), text(*ice, "pwd", where + ".ice"),
                      text(*ice, "peerUfrag", where + ".ice")};
  return out;
}

PlanStream stream(const Json& object, const Plan& plan, const std::string& where) {
  PlanStream out;
  const auto endpoints = static_cast<std::int64_t>(plan.endpoints.size());
  out.endpoint = number<std::uint32_t>(object, "endpoint", where, 0, endpoints - 1);
  out.ssrc = number<std::uint32_t>(object, "ssrc", where, 0, UINT32_MAX);
  out.payload_type = number<std::uint8_t>(object, "payloadType", where, 0, 127);
  out.payload_bytes = number<std::uint16_t>(object, "payloadBytes", where, 1, kMaxPayloadBytes);
  out.outputs = number<std::uint32_t>(object, "outputs", where, 0, 1'000'000, std::uint32_t{1});
  const auto rate = object.find("packetsPerSecond");
  if (rate != object.end() && rate->is_number()) out.packets_per_second = rate->get<double>();
  if (!(out.packets_per_second > 0)) wrong(where + ".packetsPerSecond", "a positive number is wanted");
  return out;
}

std::uint32_t interval(const Json& plan, const char* key) {
  const auto at = plan.find(key);
  if (at == plan.end() || at->is_null()) return 0;
  return number<std::uint32_t>(*at, "intervalMs", key, 10, 3'600'000);
}

std::string item(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

Plan from_json(const Json& json) {
  Plan plan;
  plan.workload = json.value("workload", "");
  const Json& link = part(json, "link", Json::value_t::object, "plan");
  plan.mac = mac(link, "mac", "link");
  plan.relay_mac = mac(link, "relayMac", "link");
  plan.vlan = number<std::uint16_t>(link, "vlan", "link", 0, 4094, std::uint16_t{0});
  if (const auto gbps = link.find("takesGbps"); gbps != link.end() && gbps->is_number())
    plan.takes_gbps = gbps->get<double>();
  if (!(plan.takes_gbps >= 0 && plan.takes_gbps <= 1000)) wrong("link.takesGbps", "0..1000 is wanted");
  for (const Json& one : part(json, "endpoints", Json::value_t::array, "plan"))
    plan.endpoints.push_back(endpoint(one, item("endpoints", plan.endpoints.size())));
  for (const Json& one : part(json, "streams", Json::value_t::array, "plan"))
    plan.streams.push_back(stream(one, plan, item("streams", plan.streams.size())));
  for (const Json& one : part(json, "receivers", Json::value_t::array, "plan")) {
    const std::string where = item("receivers", plan.receivers.size());
    plan.receivers.push_back(
        {number<std::uint32_t>(one, "endpoint", where, 0,
                               static_cast<std::int64_t>(plan.endpoints.size()) - 1),
         number<std::uint32_t>(one, "ssrc", where, 0, UINT32_MAX),
         number<std::uint32_t>(one, "stream", where, 0, static_cast<std::int64_t>(plan.streams.size()) - 1)});
  }
  if (plan.streams.empty()) wrong("streams", "at least one is wanted");
  if (plan.endpoints.size() > kMaxPlanObjects || plan.streams.size() > kMaxPlanObjects ||
      plan.receivers.size() > kMaxPlanObjects)
    wrong("plan", "at most " + std::to_string(kMaxPlanObjects) + " objects of a kind");
  plan.rtcp_interval_ms = interval(json, "rtcp");
  plan.stun_interval_ms = interval(json, "stun");
  if (const auto share = json.find("nackShare"); share != json.end() && share->is_number())
    plan.nack_share = share->get<double>();
  if (!(plan.nack_share >= 0 && plan.nack_share <= 1)) wrong("nackShare", "0..1 is wanted");
  return plan;
}

}  // namespace

std::optional<Plan> read_plan(std::string_view json, std::string& error) {
  try {
    return from_json(Json::parse(json));
  } catch (const std::exception& problem) {
    error = problem.what();
    return std::nullopt;
  }
}

std::optional<Plan> read_plan_file(const std::string& path, std::string& error) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) {
    error = "cannot be read";
    return std::nullopt;
  }
  return read_plan(content.str(), error);
}

}  // namespace sluice::gen
