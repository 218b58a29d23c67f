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

namespace {

RequestError refuse_keys(const Endpoint& endpoint, crypto::SrtpProfile profile, const std::string& error) {
  return refuse_internal(fmt::format("endpoint \"{}\": the {} keys cannot be installed: {}", endpoint.id,
                                     crypto::profile_info(profile).name, error));
}

config::SocketAddress rtp_address(const RemoteAddress& remote) {
  return {remote.address, remote.rtp_port};
}

}  // namespace

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
  endpoint.kind = request.kind;
  endpoint.setup = request.setup;
  endpoint.id = request.id.empty() ? context_.registry.make_id("e-") : request.id;
  endpoint.session = &session;
  endpoint.worker = records.index;
  endpoint.block = *block;
  endpoint.ref = reserved.slot.ref();
  endpoint.shared_port = request.transport == IceTransport::kShared;
  if (endpoint.shared_port) {
    set_ports(endpoint, plan, plan.addresses.front(),
              static_cast<std::uint16_t>(config.ice.shared_port + endpoint.worker));
  } else {
    auto ports = context_.udp_ports.acquire(endpoint.worker, plan.addresses, plan.port_pair);
    if (!ports)
      return refuse_limit("media_ports",
                          (config.media.port_max - config.media.port_min + 1u) * plan.addresses.size());
    const PortLease& taken = reserved.ports.emplace(std::move(*ports));
    set_ports(endpoint, plan, taken.address(), taken.udp_port());
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
  announce_positions(context_, endpoint, endpoint.request.rollover_counters);
  if (!endpoint.receive_key.empty()) announce_keys(context_, endpoint);
  if (endpoint.kind == EndpointKind::kWebrtc) webrtc_.open(endpoint);
  return endpoint;
}

void Endpoints::set_ports(Endpoint& endpoint, const EndpointPlan& plan, const LocalAddress& address,
                          std::uint16_t udp_port) {
  endpoint.port_index = plan.port_index;
  endpoint.family = address.ip.family;
  endpoint.rtcp_mux = plan.rtcp_mux;
  endpoint.port_pair = plan.port_pair;
  endpoint.local.mac = context_.plane.port(plan.port_index).mac;
  endpoint.local.address = {address.ip, udp_port};
  endpoint.local_address = address.number;
  endpoint.rtcp_port = plan.rtcp_mux ? udp_port : static_cast<std::uint16_t>(udp_port + 1);
}

std::optional<RequestError> Endpoints::make_keys(Endpoint& endpoint) {
  if (endpoint.kind != EndpointKind::kSdes) return std::nullopt;
  endpoint.receive_key = endpoint.request.receive_key;
  endpoint.send_key = endpoint.request.send_key;
  endpoint.receive_mki = endpoint.request.receive_mki.value_or(Mki{});
  endpoint.send_mki = endpoint.request.send_mki.value_or(Mki{});
  if (endpoint.send_key.empty()) make_send_key(endpoint.send_key, *endpoint.profile);
  if (endpoint.receive_key.empty()) return std::nullopt;  // sluice makes the offer
  std::string error;
  if (expand_keys(context_, endpoint, split_key(*endpoint.profile, endpoint.send_key),
                  split_key(*endpoint.profile, endpoint.receive_key), error)) {
    dataplane::EndpointKeys& keys = context_.records(endpoint).memory.keys[endpoint.ref.slot];
    set_mki(keys.send, endpoint.send_mki);
    set_mki(keys.receive, endpoint.receive_mki);
    return std::nullopt;
  }
  ++context_.totals.endpoints_failed;
  return refuse_keys(endpoint, *endpoint.profile, error);
}

void Endpoints::make_send_key(SrtpKeyBytes& key, crypto::SrtpProfile profile) {
  std::array<std::uint8_t, crypto::kMaxMasterKey + crypto::kMaxMasterSalt> bytes{};
  const auto wanted = std::span(bytes).first(crypto::profile_info(profile).master_length());
  context_.options.random(wanted);
  key.assign(wanted);
  crypto::wipe(bytes.data(), bytes.size());
}

void Endpoints::fill_slot(Endpoint& endpoint, const EndpointPlan& plan) {
  const config::Config& config = context_.options.config;
  const dataplane::PortInfo& info = context_.port(endpoint);
  endpoint.profile = plan.profile;
  endpoint.latch = plan.latch;
  do endpoint.local_ssrc = context_.random32();
  while (endpoint.local_ssrc == 0);
  const bool encrypted = endpoint.kind != EndpointKind::kRtp;
  endpoint.ssrcs = std::make_unique<OutgoingSsrcs>(
      endpoint.local_ssrc, std::size_t{config.limits.routes_per_endpoint} * 4, encrypted);

  auto& slot = *new (&context_.slot(endpoint)) dataplane::EndpointSlot();
  slot.generation = endpoint.ref.generation;
  slot.kind = endpoint.kind;
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
  slot.max_frame = dataplane::max_frame(info.mtu, info.vlan);
  endpoint.path_mtu = info.mtu;
  slot.local_ssrc = endpoint.local_ssrc;
  slot.rtcp_index.set(endpoint.request.srtcp_index);
  slot.local = endpoint.local;
  slot.rtcp_port = endpoint.rtcp_port;
  slot.flow = endpoint.session->flow;
  if (endpoint.request.latch_network) slot.latch_network = *endpoint.request.latch_network;
  if (plan.latch_deadline) slot.latch_deadline_tsc = latch_deadline_tsc();
  if (plan.remote) slot.signalled = rtp_address(*plan.remote);
  slot.first_stream = slot.first_source = slot.first_incoming_route = dataplane::kNoSlot;
}

// 0 = none.
std::uint64_t Endpoints::latch_deadline_tsc() const {
  const std::uint64_t window_ms = context_.options.config.media.latch_window_ms;
  if (window_ms == 0) return 0;
  return context_.plane.tsc_now() + context_.plane.tsc_hz() / 1000 * window_ms;
}

std::optional<RequestError> Endpoints::connect(Endpoint& endpoint, const EndpointConnect& request) {
  assert(!endpoint.removing);
  if (endpoint.failed && request.fingerprints.empty() && request.ice_ufrag.empty())
    return refuse_state(fmt::format("endpoint \"{}\" has failed: {}; dtls.fingerprints or ice begin anew",
                                    request.id, endpoint.reason));
  if (auto error = check(request)) return *error;
  if (auto error = check_kind(request, endpoint.kind)) return *error;
  auto error = endpoint.kind == EndpointKind::kWebrtc ? webrtc_.connect(endpoint, request)
                                                      : connect_signalled(endpoint, request);
  if (!error) endpoint.last_alive = context_.now();
  return error;
}

std::optional<RequestError> Endpoints::connect_signalled(Endpoint& endpoint, const EndpointConnect& request) {
  auto planned = plan_peer(endpoint, request, context_.options.profiles);
  if (const auto* error = std::get_if<RequestError>(&planned)) return *error;
  PeerPlan& plan = std::get<PeerPlan>(planned);
  if (plan.remote) {
    if (auto error = remotes_.check(endpoint.port_index, plan.remote->address)) return *error;
  }
  if (plan.kind == EndpointKind::kSdes && plan.send_key.empty()) make_send_key(plan.send_key, *plan.profile);
  auto fresh = expand_fresh(endpoint, plan);
  if (const auto* error = std::get_if<RequestError>(&fresh)) return *error;
  apply(endpoint, std::move(plan), std::get<std::unique_ptr<KeyExchange>>(std::move(fresh)));
  announce_positions(context_, endpoint, request.rollover_counters);
  return std::nullopt;
}

// nullptr when no key changes.
Result<std::unique_ptr<KeyExchange>> Endpoints::expand_fresh(const Endpoint& endpoint, const PeerPlan& plan) {
  if (!plan.new_send && !plan.new_receive) return std::unique_ptr<KeyExchange>();
  std::optional<crypto::MasterKey> send, receive;
  if (plan.new_send) send = split_key(*plan.profile, plan.send_key);
  if (plan.new_receive) receive = split_key(*plan.profile, plan.receive_key);
  std::string error;
  auto fresh = control::expand_fresh(context_, send ? &*send : nullptr, receive ? &*receive : nullptr, error);
  if (!fresh) return refuse_keys(endpoint, *plan.profile, error);
  set_mki(fresh->keys().send, plan.send_mki);
  set_mki(fresh->keys().receive, plan.receive_mki);
  return fresh;
}

void Endpoints::apply(Endpoint& endpoint, PeerPlan plan, std::unique_ptr<KeyExchange> fresh) {
  dataplane::EndpointTerms terms;
  terms.new_receive = plan.new_receive;
  terms.new_send = plan.new_send;
  terms.send_restarts = plan.send_restarts;
  terms.kind = plan.kind;
  terms.latch = plan.latch;
  terms.rtcp_mux = plan.rtcp_mux;
  terms.rtcp_port = static_cast<std::uint16_t>(endpoint.local.address.port + (plan.rtcp_mux ? 0 : 1));
  if (plan.latch_deadline) terms.latch_deadline_tsc = latch_deadline_tsc();
  if (plan.remote) terms.signalled = rtp_address(*plan.remote);
  exchange_keys(context_, endpoint, std::move(fresh), terms);

  if (plan.kind == EndpointKind::kSdes) {
    if (plan.send_restarts && endpoint.keys_ready)
      endpoint.past_send_keys.push_back(digest_of(endpoint.send_key));
    endpoint.ssrcs->set_encrypted();
    endpoint.profile = plan.profile;
    endpoint.send_key = std::move(plan.send_key);
    endpoint.receive_key = std::move(plan.receive_key);
    endpoint.send_mki = plan.send_mki;
    endpoint.receive_mki = plan.receive_mki;
    endpoint.keys_ready = !endpoint.receive_key.empty();
  }
  endpoint.kind = plan.kind;
  endpoint.latch = plan.latch;
  endpoint.rtcp_mux = plan.rtcp_mux;
  endpoint.rtcp_port = terms.rtcp_port;
  if (plan.remote) remotes_.signal(endpoint, *plan.remote);
  remotes_.note_connected(endpoint);
}

void Endpoints::say_goodbye(Endpoint& endpoint, std::string_view reason) {
  if (endpoint.removing) return;
  endpoint.removing = true;
  endpoint.reason = reason;
  if (endpoint.webrtc) webrtc_.close(endpoint);
}

bool Endpoints::remove(Endpoint& endpoint, std::string_view reason, std::size_t& budget) {
  say_goodbye(endpoint, reason);
  if (endpoint.teardown) return true;
  remotes_.forget(endpoint);
  if (!routing_.detach(endpoint, budget)) return false;
  endpoint.teardown = true;
  Command command;
  command.kind = CommandKind::kRemoveEndpoint;
  command.ref = endpoint.ref;
  context_.records(endpoint).commands.send(command);
  return true;
}

void Endpoints::fail(Endpoint& endpoint, std::string_view reason, std::string_view text) {
  if (endpoint.removing || endpoint.failed) return;
  endpoint.failed = true;
  endpoint.last_alive = context_.now();
  endpoint.reason = reason;
  endpoint.text = text;
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
  if (!endpoint.shared_port)
    context_.udp_ports.release(endpoint.local_address, endpoint.local.address.port, endpoint.port_pair);
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
  if (endpoint->webrtc) return webrtc_.on_moved(*endpoint, note.address);
  context_.emit(*endpoint, EndpointLatched{note.component == dataplane::Component::kRtcp, note.address});
  // While an update is under way the note is older than it, and its answer says where the worker sends to.
  if (endpoint->updates.empty()) remotes_.learned(*endpoint, note.component, note.address);
}

void Endpoints::on_updated(WorkerRecords& records, const dataplane::Note& note) {
  Endpoint* endpoint = records.endpoint(note.ref);
  if (endpoint == nullptr) {
    ++context_.totals.stale_notes;
    return;
  }
  // The answer for RTP comes first.
  if (note.component == dataplane::Component::kRtp) endpoint->updates.erase(endpoint->updates.begin());
  if (endpoint->removing || !endpoint->updates.empty() || note.address.port == 0) return;
  remotes_.learned(*endpoint, note.component, note.address);
}

}  // namespace sluice::control
