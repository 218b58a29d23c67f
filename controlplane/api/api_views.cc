#include "controlplane/api/api_views.h"

#include <cmath>

#include "controlplane/base/base64.h"
#include "controlplane/base/mac_text.h"
#include "controlplane/session/names.h"

namespace sluice::control {
namespace {

OrderedJson render(const std::optional<RemoteAddress>& remote) {
  if (!remote) return nullptr;
  return {{"address", remote->address.to_string()},
          {"rtpPort", remote->rtp_port},
          {"rtcpPort", remote->rtcp_port}};
}

OrderedJson profile_text(const std::optional<crypto::SrtpProfile>& profile) {
  if (!profile) return nullptr;
  return choice_name(*profile);
}

OrderedJson key_text(const SrtpKeyBytes& key, Keys keys) {
  if (keys == Keys::kHidden || key.empty()) return nullptr;
  return base64_encode(key.bytes());
}

OrderedJson mki_or_null(const Mki& mki) {
  if (mki.length == 0) return nullptr;
  return {{"value", mki.value}, {"length", mki.length}};
}

OrderedJson counter_or_null(const std::optional<std::uint32_t>& counter) {
  return counter ? OrderedJson(*counter) : OrderedJson(nullptr);
}

OrderedJson render_ice(const EndpointView& endpoint, Keys keys) {
  OrderedJson candidates = OrderedJson::array();
  candidates.push_back({{"address", endpoint.local_address.to_string()}, {"port", endpoint.local_rtp_port}});
  return {{"ufrag", endpoint.ice_ufrag},
          {"password", keys == Keys::kShown ? OrderedJson(endpoint.ice_password) : OrderedJson(nullptr)},
          {"lite", true},
          {"candidates", std::move(candidates)},
          {"state", endpoint.ice_state},
          {"consentTimeoutMs", endpoint.consent_timeout_ms}};
}

OrderedJson render_dtls(const EndpointView& endpoint) {
  return {
      {"role", choice_name(endpoint.setup)},
      {"fingerprint", {{"algorithm", endpoint.fingerprint.algorithm}, {"value", endpoint.fingerprint.value}}},
      {"state", endpoint.dtls_state},
      {"profile", profile_text(endpoint.profile)}};
}

OrderedJson render(const SourceSelector& from) {
  OrderedJson object;
  object["endpoint"] = from.endpoint;
  if (from.ssrc) object["ssrc"] = *from.ssrc;
  if (!from.payload_types.empty()) object["payloadTypes"] = from.payload_types;
  if (!from.mid.empty()) object["mid"] = from.mid;
  if (!from.rid.empty()) object["rid"] = from.rid;
  return object;
}

OrderedJson render(const std::vector<NumberMapping>& mappings) {
  OrderedJson list = OrderedJson::array();
  for (const auto& mapping : mappings) list.push_back({{"from", mapping.from}, {"to", mapping.to}});
  return list;
}

OrderedJson named(const char* name, OrderedJson value) {
  OrderedJson object = OrderedJson::object();
  object[name] = std::move(value);
  return object;
}

/// The members of each event besides its type and the ids of its objects.
struct Fields {
  OrderedJson operator()(const auto&) const { return OrderedJson::object(); }
  OrderedJson operator()(const SessionRemoved& event) const { return named("reason", event.reason); }
  OrderedJson operator()(const EndpointConnected& event) const {
    return event.profile ? named("profile", choice_name(*event.profile)) : OrderedJson::object();
  }
  OrderedJson operator()(const EndpointFailed& event) const {
    return {{"reason", event.reason}, {"text", event.text}};
  }
  OrderedJson operator()(const EndpointLatched& event) const {
    return {{"component", event.is_rtcp ? "rtcp" : "rtp"}, {"address", event.address.to_string()}};
  }
  OrderedJson operator()(const SessionExpiring& event) const {
    return named("secondsLeft", event.seconds_left);
  }
  OrderedJson operator()(const EndpointMtu& event) const { return named("pathMtu", event.path_mtu); }
  OrderedJson operator()(const EndpointIdle& event) const { return named("secondsLeft", event.seconds_left); }
  OrderedJson operator()(const EndpointRemoved& event) const { return named("reason", event.reason); }
  OrderedJson operator()(const RouteSwitched& event) const { return named("from", event.from); }
  OrderedJson operator()(const StreamStarted& event) const { return named("ssrc", event.ssrc); }
  OrderedJson operator()(const StreamEnded& event) const { return named("ssrc", event.ssrc); }
  OrderedJson operator()(const PortLink& event) const { return named("link", event.is_up ? "up" : "down"); }
  OrderedJson operator()(const PortGateway& event) const {
    return {{"gateway", event.gateway.to_string()},
            {"mac", event.mac ? OrderedJson(mac_text(*event.mac)) : OrderedJson(nullptr)}};
  }
  OrderedJson operator()(const PortConflict& event) const {
    return {{"address", event.address.to_string()}, {"mac", mac_text(event.mac)}};
  }
};

}  // namespace

OrderedJson render(const SessionView& session) {
  return {{"id", session.id},
          {"state", session.state},
          {"worker", session.worker},
          {"workers", session.workers},
          {"createdAt", session.created_at},
          {"endpoints", session.endpoints},
          {"routes", session.routes},
          {"idleTimeoutS", session.idle_timeout_s},
          {"leaseS", session.lease_s},
          {"leaseLeftS", session.lease_left_s ? OrderedJson(*session.lease_left_s) : OrderedJson(nullptr)}};
}

OrderedJson render(const EndpointView& endpoint, Keys keys) {
  using dataplane::EndpointKind;
  OrderedJson object{{"session", endpoint.session},
                     {"id", endpoint.id},
                     {"kind", choice_name(endpoint.kind)},
                     {"state", choice_name(endpoint.state)}};
  if (endpoint.state == EndpointState::kFailed) object["reason"] = endpoint.reason;
  if (!endpoint.text.empty()) object["text"] = endpoint.text;
  object["worker"] = endpoint.worker;
  object["port"] = endpoint.port;
  object["family"] = choice_name(endpoint.family);
  object["local"] = {{"address", endpoint.local_address.to_string()},
                     {"rtpPort", endpoint.local_rtp_port},
                     {"rtcpPort", endpoint.local_rtcp_port},
                     {"rtcpMux", endpoint.rtcp_mux}};
  object["remote"] = render(endpoint.remote);
  object["latch"] = choice_name(endpoint.latch);
  object["pathMtu"] = endpoint.path_mtu;
  object["idleTimeoutS"] = endpoint.idle_timeout_s;
  if (endpoint.kind == EndpointKind::kSdes) {
    object["crypto"] = {
        {"profile", profile_text(endpoint.profile)},          {"sendKey", key_text(endpoint.send_key, keys)},
        {"receiveKey", key_text(endpoint.receive_key, keys)}, {"sendMki", mki_or_null(endpoint.send_mki)},
        {"receiveMki", mki_or_null(endpoint.receive_mki)},    {"srtcpIndex", endpoint.srtcp_index}};
  } else if (endpoint.kind == EndpointKind::kWebrtc) {
    object["transport"] = choice_name(endpoint.transport);
    object["ice"] = render_ice(endpoint, keys);
    object["dtls"] = render_dtls(endpoint);
  }
  return object;
}

void add_counts(OrderedJson& object, const EndpointView& endpoint) {
  object["packetsReceived"] = endpoint.packets_received;
  object["bytesReceived"] = endpoint.bytes_received;
  object["packetsSent"] = endpoint.packets_sent;
  object["bytesSent"] = endpoint.bytes_sent;
  object["authFailures"] = endpoint.auth_failures;
  if (endpoint.kind != dataplane::EndpointKind::kWebrtc) return;
  OrderedJson refused = OrderedJson::object();
  for (const auto& [reason, count] : endpoint.ice_refused) refused[std::string(reason)] = count;
  object["ice"]["refused"] = std::move(refused);
  object["dtls"]["datagramsRefused"] = endpoint.dtls_datagrams_refused;
  object["dtls"]["recordsRefused"] = endpoint.dtls_records_refused;
  object["dtls"]["retransmissions"] = endpoint.dtls_retransmissions;
}

OrderedJson render(const RouteView& route) {
  return {
      {"session", route.session},
      {"id", route.id},
      {"from", render(route.from)},
      {"to", route.to},
      {"worker", route.worker},
      {"ssrc", route.ssrc},
      {"clockRate", route.clock_rate},
      {"payloadTypes", render(route.payload_types)},
      {"headerExtensions", route.header_extensions ? render(*route.header_extensions) : OrderedJson(nullptr)},
      {"keyframeOnSwitch", route.keyframe_on_switch},
      {"retransmit", route.retransmit},
      {"dscp", route.dscp ? OrderedJson(*route.dscp) : OrderedJson(nullptr)},
      {"state", route.state},
      {"rolloverCounter", counter_or_null(route.rollover_counter)},
      {"sequence", route.sequence},
      {"packets", route.packets},
      {"bytes", route.bytes},
      {"retransmitted", route.retransmitted},
      {"switches", route.switches}};
}

OrderedJson render(const NeighborView& neighbor) {
  return {{"port", neighbor.port},
          {"address", neighbor.address.to_string()},
          {"state", choice_name(neighbor.state)},
          {"gateway", neighbor.is_gateway},
          {"mac", neighbor.mac ? OrderedJson(mac_text(*neighbor.mac)) : OrderedJson(nullptr)},
          {"ageMs", neighbor.age_ms ? OrderedJson(*neighbor.age_ms) : OrderedJson(nullptr)}};
}

OrderedJson render(const StreamView& stream) {
  return {{"session", stream.session},
          {"endpoint", stream.endpoint},
          {"ssrc", stream.ssrc},
          {"payloadType", stream.payload_type},
          {"rolloverCounter", counter_or_null(stream.rollover_counter)},
          {"sequence", stream.sequence},
          {"packetCount", stream.packet_count},
          {"byteCount", stream.byte_count},
          {"bitrate", stream.bitrate},
          {"packetsLost", stream.packets_lost},
          {"jitter", stream.jitter_s},
          {"nackCount", stream.nack_count},
          {"pliCount", stream.pli_count},
          {"firCount", stream.fir_count},
          {"ended", stream.ended},
          {"routes", stream.routes},
          {"lastPacketMs", stream.last_packet_ms}};
}

OrderedJson render(const Event& event, std::string_view time) {
  OrderedJson params{{"time", time}, {"type", event_type(event)}};
  if (!event.session.empty()) params["session"] = event.session;
  if (!event.endpoint.empty()) params["endpoint"] = event.endpoint;
  if (!event.route.empty()) params["route"] = event.route;
  if (!event.port.empty()) params["port"] = event.port;
  params.update(render_fields(event));
  return params;
}

OrderedJson render_fields(const Event& event) {
  return std::visit(Fields{}, event.body);
}

OrderedJson render_lost_events(std::uint64_t count, std::string_view time) {
  return {{"time", time}, {"type", "events.lost"}, {"count", count}};
}

namespace {

OrderedJson rounded(std::optional<double> value) {
  return value ? OrderedJson(std::llround(*value)) : OrderedJson(nullptr);
}

double share(double value) {
  return std::round(value * 1000) / 1000;
}

std::uint64_t waited(const dataplane::WaitTimes& waits) {
  std::uint64_t sum = 0;
  for (const dataplane::Counter& one : waits.classes) sum += one.read();
  return sum;
}

/// The time, in ms, that this part of the packets did not wait longer than; null when none has waited.
OrderedJson wait_ms(const dataplane::WaitTimes& waits, double part) {
  const auto wanted = static_cast<double>(waited(waits)) * part;
  if (wanted == 0) return nullptr;
  double sum = 0;
  std::size_t index = 0;
  for (; index + 1 < waits.classes.size(); ++index)
    if ((sum += static_cast<double>(waits.classes[index].read())) >= wanted) break;
  return static_cast<double>(dataplane::WaitTimes::least_of(index + 1)) / 1000;
}

}  // namespace

OrderedJson render_worker(const WorkerShare& of, const dataplane::WorkerCounters& counters) {
  const auto ledger = dataplane::read_ledger(counters);
  return {{"worker", of.worker},
          {"core", of.core},
          {"busyShare", share(of.busy_share)},
          {"load", share(of.load)},
          {"packetsPerSecond", rounded(of.packets_per_second)},
          {"cyclesPerPacket", rounded(of.cycles_per_packet)},
          {"capacityLeftPps", rounded(of.capacity_left_pps)},
          {"sessions", of.sessions},
          {"endpoints", of.endpoints},
          {"routes", of.routes},
          {"streams", of.streams},
          {"received", ledger.received},
          {"borrowed", ledger.borrowed},
          {"receivedBytes", counters.received_bytes.read()},
          {"forwarded", ledger.forwarded},
          {"flowCacheHits", counters.flow_cache_hits.read()},
          {"consumed", ledger.consumed},
          {"punted", ledger.punted},
          {"handedOff", ledger.handed_off},
          {"misdirected", ledger.misdirected()},
          {"copies", ledger.copies},
          {"retransmitted", ledger.retransmitted},
          {"reports", ledger.reports},
          {"injected", ledger.injected},
          {"lends", ledger.lends},
          {"lent", ledger.lent},
          {"returned", ledger.returned},
          {"carried", ledger.carried},
          {"passedOn", ledger.passed_on},
          {"transmitted", ledger.transmitted},
          {"transmittedBytes", counters.transmitted_bytes.read()},
          {"waiting", ledger.waiting},
          {"waited", waited(counters.waits)},
          {"waitMsP99", wait_ms(counters.waits, 0.99)},
          {"receiveDrops", ledger.receive_drops},
          {"sendDrops", ledger.send_drops},
          {"retransmitSuppressed", counters.retransmit_suppressed.read()},
          {"retransmitMisses", counters.retransmit_misses.read()},
          {"notKept", counters.not_kept.read()},
          {"busyCycles", counters.busy_cycles.read()},
          {"totalCycles", counters.total_cycles.read()},
          {"commands", counters.commands.read()},
          {"staleCommands", counters.stale_commands.read()},
          {"lostEvents", counters.lost_events.read()},
          {"ledgerBalanced", ledger.balanced()}};
}

}  // namespace sluice::control
