#include "controlplane/session/endpoints.h"

#include <fmt/format.h>

#include <cassert>
#include <memory>
#include <new>
#include <utility>

#include "controlplane/session/endpoint_keys.h"
#include "controlplane/session/errors.h"
#include "controlplane/session/rules.h"

namespace sluice::control {

using dataplane::Command;
using dataplane::CommandKind;
using dataplane::EndpointKind;

/// A new endpoint and what was taken for it. Slot and UDP ports are freed unless publish() commits them.
struct Endpoints::Reserved {
  SlotLease slot;
  std::optional<PortLease> ports;  // empty for a shared port
  std::unique_ptr<Endpoint> endpoint;
};

Result<Endpoint*> Endpoints::create(Session& session, const EndpointCreate& request) {
  assert(!session.removing && context_.registry.find_endpoint(session, request.id) == nullptr);
  const auto planned = plan_endpoint(request, context_.plane, context_.options.profiles);
  if (const auto* error = std::get_if<RequestError>(&planned)) return *error;
  const EndpointPlan& plan = std::get<EndpointPlan>(planned);
  if (plan.remote) {
    if (auto error = remotes_.check(plan.port_index, plan.remote->address)) return *error;
  }
  auto reserved = reserve(session, request, plan);
  if (const auto* error = std::get_if<RequestError>(&reserved)) return *error;
  Endpoint& endpoint = publish(std::get<Reserved>(std::move(reserved)));
  if (plan.remote) remotes_.signal(endpoint, *plan.remote);
  return &endpoint;
}

Result<Endpoints::Reserved> Endpoints::reserve(Session& session, const EndpointCreate& request,
                                               const EndpointPlan& plan) {
  const config::Config& config = context_.options.config;
  const auto block = context_.placement.find_block(session);
  if (!block) return refuse_limit("endpoints_per_worker", config.limits.endpoints_per_worker);
  WorkerRecords& records = *context_.workers[session.blocks[*block].worker];
  auto slot = SlotLease::take(records.endpoint_slots);
  if (!slot) return refuse_limit("endpoints_per_worker", config.limits.endpoints_per_worker);
  Reserved reserved{std::move(*slot), std::nullopt, std::make_unique<Endpoint>()};
  Endpoint& endpoint = *reserved.endpoint;
  endpoint.request = request;
  endpoint.id = request.id.empty() ? context_.registry.make_id("e-") : request.id;
  endpoint.session = &session;
  endpoint.worker = records.index;
  endpoint.block = *block;
  endpoint.ref = reserved.slot.ref();
  endpoint.shared_port = request.transport == IceTransport::kShared;
  if (endpoint.shared_port) {
    set_ports(endpoint, plan, static_cast<std::uint16_t>(config.ice.shared_port + endpoint.worker));
  } else {
    auto ports = context_.udp_ports.acquire(endpoint.worker, plan.port_index, !plan.rtcp_mux);
    if (!ports) return refuse_limit("media_ports", config.media.port_max - config.media.port_min + 1u);
    set_ports(endpoint, plan, reserved.ports.emplace(std::move(*ports)).udp_port());
  }
  fill_slot(endpoint, plan);
  auto refused = request.kind == EndpointKind::kWebrtc ? webrtc_.prepare(endpoint) : make_keys(endpoint);
  if (refused) return *refused;
  return reserved;
}

Endpoint& Endpoints::publish(Reserved reserved) {
  Endpoint& endpoint = *reserved.endpoint;
  Session& session = *endpoint.session;
  WorkerRecords& records = context_.records(endpoint);
  records.put(endpoint);
  ++session.blocks[endpoint.block].endpoints;
  session.endpoints.emplace(endpoint.id, std::move(reserved.endpoint));
  endpoint.idle_timeout_s = endpoint.request.idle_timeout_s;
  endpoint.created_at = endpoint.last_alive = context_.now();
  reserved.slot.commit();
  if (reserved.ports) reserved.ports->commit();

  Command install;
  install.kind = CommandKind::kInstallEndpoint;
  install.ref = endpoint.ref;
  records.commands.send(install);
  ++context_.totals.endpoints_created;
  context_.emit(endpoint, EndpointCreated{});
  if (endpoint.request.kind == EndpointKind::kSdes) announce_keys(context_, endpoint);
  if (endpoint.request.kind == EndpointKind::kWebrtc) webrtc_.open(endpoint);
  return endpoint;
}

void Endpoints::set_ports(Endpoint& endpoint, const EndpointPlan& plan, std::uint16_t udp_port) {
  endpoint.port_index = plan.port_index;
  endpoint.family = plan.local_address.family;
  endpoint.rtcp_mux = plan.rtcp_mux;
  endpoint.local.mac = context_.plane.port(plan.port_index).mac;
  endpoint.local.address = {plan.local_address, udp_port};
  endpoint.rtcp_port = plan.rtcp_mux ? udp_port : static_cast<std::uint16_t>(udp_port + 1);
}

std::optional<RequestError> Endpoints::make_keys(Endpoint& endpoint) {
  if (endpoint.request.kind != EndpointKind::kSdes) return std::nullopt;
  const crypto::SrtpProfileInfo info = crypto::profile_info(*endpoint.profile);
  endpoint.send_key = endpoint.request.send_key;
  if (endpoint.send_key.empty()) {
    std::array<std::uint8_t, crypto::kMaxMasterKey + crypto::kMaxMasterSalt> bytes{};
    const auto wanted = std::span(bytes).first(std::size_t{info.key_length} + info.salt_length);
    context_.options.random(wanted);
    endpoint.send_key.assign(wanted);
    crypto::wipe(bytes.data(), bytes.size());
  }
  std::string error;
  if (expand_keys(context_, endpoint, split_key(*endpoint.profile, endpoint.send_key),
                  split_key(*endpoint.profile, endpoint.request.receive_key), error))
    return std::nullopt;
  ++context_.totals.endpoints_failed;
  return refuse_internal(
      fmt::format("endpoint \"{}\": the {} keys cannot be installed: {}", endpoint.id, info.name, error));
}

void Endpoints::fill_slot(Endpoint& endpoint, const EndpointPlan& plan) {
  const config::Config& config = context_.options.config;
  const dataplane::PortInfo& info = context_.port(endpoint);
  endpoint.profile = plan.profile;
  endpoint.latch = plan.latch;
  do endpoint.local_ssrc = context_.random32();
  while (endpoint.local_ssrc == 0);
  const bool encrypted = endpoint.request.kind != EndpointKind::kRtp;
  endpoint.ssrcs = std::make_unique<OutgoingSsrcs>(
      endpoint.local_ssrc, std::size_t{config.limits.routes_per_endpoint} * 4, encrypted);

  auto& slot = *new (&context_.slot(endpoint)) dataplane::EndpointSlot();
  slot.generation = endpoint.ref.generation;
  slot.kind = endpoint.request.kind;
  slot.latch = plan.latch;
  slot.encrypted = encrypted;
  slot.rtcp_mux = plan.rtcp_mux;
  slot.shared_port = endpoint.shared_port;
  slot.mid_extension_id = endpoint.request.mid_extension_id;
  slot.rid_extension_id = endpoint.request.rid_extension_id;
  slot.repaired_rid_extension_id = endpoint.request.repaired_rid_extension_id;
  for (const std::uint8_t type : endpoint.request.repair_payload_types) slot.repair_types.add(type);
  slot.dscp = endpoint.request.dscp;
  slot.port_id = info.id;
  slot.vlan = info.vlan;
  slot.max_streams = config.limits.streams_per_endpoint;
  slot.max_frame = static_cast<std::uint16_t>(info.mtu + 14 + (info.vlan != 0 ? 4 : 0));
  slot.local_ssrc = endpoint.local_ssrc;
  slot.local = endpoint.local;
  slot.rtcp_port = endpoint.rtcp_port;
  if (endpoint.request.latch_network) slot.latch_network = *endpoint.request.latch_network;
  if (plan.latch_deadline && config.media.latch_window_ms != 0)
    slot.latch_deadline_tsc =
        context_.plane.tsc_now() + context_.plane.tsc_hz() / 1000 * config.media.latch_window_ms;
  slot.first_stream = slot.first_source = slot.first_incoming_route = dataplane::kNoSlot;
}

std::optional<RequestError> Endpoints::connect(Endpoint& endpoint, const EndpointConnect& request) {
  assert(!endpoint.removing);
  if (endpoint.failed)
    return refuse_state(fmt::format("endpoint \"{}\" has failed: {}", request.id, endpoint.reason));
  if (auto error = check(request)) return *error;
  if (endpoint.request.kind == EndpointKind::kWebrtc) {
    if (request.remote) return refuse_for_kind("remote", kForSignalled.text());
    return webrtc_.connect(endpoint, request);
  }
  if (request.consent_timeout_ms) return refuse_for_kind("consentTimeoutMs", kForWebrtc.text());
  if (!request.fingerprints.empty()) return refuse_for_kind("dtls", kForWebrtc.text());
  if (!request.ice_ufrag.empty() || !request.ice_password.empty())
    return refuse_for_kind("ice", kForWebrtc.text());
  if (!request.remote) return request.idle_timeout_s ? std::nullopt : std::optional(refuse_missing("remote"));
  auto remote = plan_remote(*request.remote, endpoint.family, endpoint.rtcp_mux);
  if (auto* error = std::get_if<RequestError>(&remote)) return *error;
  if (auto error = remotes_.check(endpoint.port_index, request.remote->address)) return *error;
  remotes_.signal(endpoint, std::get<RemoteAddress>(remote));
  return std::nullopt;
}

void Endpoints::say_goodbye(Endpoint& endpoint, std::string_view reason) {
  if (endpoint.removing) return;
  endpoint.removing = true;
  endpoint.reason = reason;
  if (endpoint.webrtc) webrtc_.close(endpoint);
}

void Endpoints::remove(Endpoint& endpoint, std::string_view reason) {
  say_goodbye(endpoint, reason);
  if (endpoint.teardown) return;
  endpoint.teardown = true;
  remotes_.forget(endpoint);
  routing_.detach(endpoint);
  Command command;
  command.kind = CommandKind::kRemoveEndpoint;
  command.ref = endpoint.ref;
  context_.records(endpoint).commands.send(command);
}

void Endpoints::fail(Endpoint& endpoint, std::string_view reason, std::string_view text) {
  if (endpoint.removing || endpoint.failed) return;
  endpoint.failed = true;
  endpoint.last_alive = context_.now();
  endpoint.reason = reason;
  ++context_.totals.endpoints_failed;
  context_.emit(endpoint, EndpointFailed{std::string(reason), std::string(text)});
}

void Endpoints::on_removed(WorkerRecords& records, dataplane::SlotRef ref) {
  Endpoint* endpoint = records.endpoint(ref);
  if (endpoint == nullptr || !endpoint->removing || endpoint->acked) {
    ++context_.totals.stale_notes;
    return;
  }
  endpoint->acked = true;
  finish(*endpoint);
}

void Endpoints::finish(Endpoint& endpoint) {
  if (!endpoint.acked || !endpoint.incoming.empty() || endpoint.sources_dying != 0) return;
  Session& session = *endpoint.session;
  WorkerRecords& records = context_.records(endpoint);
  --session.blocks[endpoint.block].endpoints;
  wipe_keys(context_, endpoint);
  if (!endpoint.shared_port) context_.udp_ports.release(endpoint.local.address.port, !endpoint.rtcp_mux);
  records.drop(endpoint);
  ++context_.totals.endpoints_removed;
  context_.emit(endpoint, EndpointRemoved{endpoint.reason});
  context_.complete(endpoint.done);
  session.endpoints.erase(session.endpoints.find(endpoint.id));
  if (!session.endpoints.empty()) return;
  if (session.removing)
    finish(session);
  else
    session.empty_since = context_.now();
}

void Endpoints::finish(Session& session) {
  if (!session.removing || !session.endpoints.empty()) return;
  --context_.records(session).sessions;
  context_.load.ended(session.worker, session.expected_load, context_.now());
  ++context_.totals.sessions_removed;
  context_.emit(session, SessionRemoved{session.reason});
  context_.complete(session.done);
  context_.registry.erase(session);
}

void Endpoints::on_latched(WorkerRecords& records, const dataplane::Note& note) {
  Endpoint* endpoint = records.endpoint(note.ref);
  if (endpoint == nullptr) {
    ++context_.totals.stale_notes;
    return;
  }
  if (endpoint->removing) return;
  if (endpoint->webrtc)
    webrtc_.on_moved(*endpoint, note.address);
  else
    remotes_.latched(*endpoint, note.component, note.address);
}

}  // namespace sluice::control
