#include "controlplane/session/routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "controlplane/session/errors.h"
#include "controlplane/session/route_plan.h"

namespace sluice::control {

using dataplane::Command;
using dataplane::CommandKind;

namespace {

// How many packets that should have come before a route's first one may follow it.
constexpr std::uint8_t kReorderRoom = 8;

}  // namespace

Result<Route*> Routing::create(Session& session, Endpoint& from, Endpoint& to, const RouteCreate& request) {
  assert(!from.removing && !to.removing && context_.registry.find_route(session, request.id) == nullptr);
  if (auto error = check_source(request.from, from)) return *error;
  if (auto error = check_route(request, to)) return *error;
  if (request.retransmit.value_or(false) && !caches_packets())
    return refuse_parameter("retransmit", "true", "false, while [memory] packet_cache_mib is 0");

  auto reserved = reserve(from, to, request);
  if (const auto* error = std::get_if<RequestError>(&reserved)) return *error;
  return &publish(session, from, to, request, std::get<Reserved>(std::move(reserved)));
}

bool Routing::caches_packets() const {
  return context_.options.config.memory.packet_cache_mib != 0;
}

Result<Routing::Reserved> Routing::reserve(Endpoint& from, Endpoint& to, const RouteCreate& request) {
  const config::Limits& limits = context_.options.config.limits;
  WorkerRecords& records = context_.records(to);
  if (to.incoming.size() >= limits.routes_per_endpoint)
    return refuse_limit("routes_per_endpoint", limits.routes_per_endpoint);
  auto slot = SlotLease::take(records.route_slots);
  if (!slot) return refuse_limit("routes_per_worker", limits.routes_per_worker);
  SourceKey key = source_key(request.from, request.clock_rate);
  auto source_slots = reserve_source(records.index, from, key);
  if (!source_slots) return refuse_limit("routes_per_worker", limits.routes_per_worker);
  // The lease comes last: nothing after it can fail, so no lease is returned unused.
  const auto lease = lease_ssrc(to, request);
  if (const auto* error = std::get_if<RequestError>(&lease)) return *error;
  return Reserved{std::move(*slot), std::move(*source_slots), std::move(key),
                  std::get<OutgoingSsrcs::Lease>(lease)};
}

Route& Routing::publish(Session& session, Endpoint& from, Endpoint& to, const RouteCreate& request,
                        Reserved reserved) {
  WorkerRecords& records = context_.records(to);
  auto owned = std::make_unique<Route>();
  Route& route = *owned;
  route.request = request;
  if (route.request.id.empty()) route.request.id = context_.registry.make_id("r-");
  route.session = &session;
  route.to = &to;
  route.source = &join_source(records.index, from, reserved.key, std::move(reserved.source_slots));
  route.ref = reserved.slot.ref();
  route.lease = reserved.lease;
  route.retransmit =
      request.retransmit.value_or(to.kind == dataplane::EndpointKind::kWebrtc && caches_packets());
  records.put(route);
  session.routes.emplace(route.request.id, std::move(owned));
  to.incoming.push_front(route);
  from.outgoing.push_back(route);
  reserved.slot.commit();

  fill(route);
  Command install;
  install.kind = CommandKind::kInstallRoute;
  install.ref = route.ref;
  install.source = route.source->ref;
  records.commands.send(install);
  ++context_.totals.routes_created;
  context_.emit(route, RouteCreated{});
  return route;
}

Result<OutgoingSsrcs::Lease> Routing::lease_ssrc(Endpoint& to, const RouteCreate& request) {
  const auto random = [this] { return context_.random32(); };
  const std::size_t room = std::size_t{context_.options.config.limits.routes_per_endpoint} * 4;
  const std::optional<std::uint32_t> ssrc = request.ssrc;
  if (!ssrc) {
    if (auto lease = to.ssrcs->lease_any(random)) return *lease;
    return refuse_limit("outgoing_ssrcs_per_endpoint", room);
  }
  OutgoingSsrcs::Refusal refusal{};
  if (auto lease = to.ssrcs->lease(*ssrc, random, refusal, first_index_of(request))) return *lease;
  switch (refusal) {
    case OutgoingSsrcs::Refusal::kTaken:
      return refuse_conflict("ssrc", std::to_string(*ssrc),
                             fmt::format("one that is not sent to endpoint \"{}\" yet", to.id));
    case OutgoingSsrcs::Refusal::kExhausted:
      return refuse_conflict(
          "ssrc", std::to_string(*ssrc),
          fmt::format("one that has not used up its packet indices at endpoint \"{}\"", to.id));
    case OutgoingSsrcs::Refusal::kSpent:
      return refuse_conflict(
          "sequence",
          fmt::format("{} with rolloverCounter {}", *request.sequence, request.rollover_counter.value_or(0)),
          fmt::format("none that was sent to endpoint \"{}\" with this SSRC before", to.id));
    case OutgoingSsrcs::Refusal::kFull:
      break;
  }
  return refuse_limit("outgoing_ssrcs_per_endpoint", room);
}

std::optional<Routing::SourceSlots> Routing::reserve_source(std::size_t worker, const Endpoint& from,
                                                            const SourceKey& key) {
  SourceSlots slots;
  if (from.sources.contains(SourcePlace{key, worker})) return slots;
  if (worker != from.worker) {
    slots.mirror = SlotLease::take(context_.workers[worker]->source_slots);
    if (!slots.mirror) return std::nullopt;
    if (from.sources.contains(SourcePlace{key, from.worker})) return slots;
  }
  slots.home = SlotLease::take(context_.records(from).source_slots);
  if (!slots.home) return std::nullopt;
  return slots;
}

Source& Routing::join_source(std::size_t worker, Endpoint& from, const SourceKey& key, SourceSlots slots) {
  return worker == from.worker ? join_home(from, key, std::move(slots.home))
                               : join_mirror(worker, from, key, std::move(slots));
}

Source& Routing::adopt(std::size_t worker, Endpoint& from, const SourceKey& key, SlotLease lease) {
  WorkerRecords& records = *context_.workers[worker];
  auto owned = std::make_unique<Source>();
  Source& source = *owned;
  source.endpoint = &from;
  source.worker = worker;
  source.ref = lease.ref();
  source.routes = 1;
  source.key = key;
  records.put(std::move(owned));
  lease.commit();
  auto& slot = *new (&records.memory.sources[source.ref.slot]) dataplane::SourceSlot();
  slot.generation = source.ref.generation;
  slot.clock_rate = key.clock_rate;
  slot.next = slot.stream = slot.first_chunk = dataplane::kNoSlot;
  return source;
}

Source& Routing::join_home(Endpoint& from, const SourceKey& key, std::optional<SlotLease> lease) {
  if (const auto found = from.sources.find(SourcePlace{key, from.worker}); found != from.sources.end()) {
    ++(*found)->routes;
    return **found;
  }
  WorkerRecords& records = context_.records(from);
  Source& source = adopt(from.worker, from, key, std::move(lease).value());
  from.sources.insert(&source);
  dataplane::SourceSlot& slot = records.memory.sources[source.ref.slot];
  slot.endpoint = from.ref;
  if (source.key.ssrc) {
    slot.match = dataplane::SourceMatch::kSsrc;
    slot.ssrc = *source.key.ssrc;
  } else if (!source.key.payload_types.empty()) {
    slot.match = dataplane::SourceMatch::kPayloadType;
    slot.payload_type_count = static_cast<std::uint8_t>(source.key.payload_types.size());
    std::copy(source.key.payload_types.begin(), source.key.payload_types.end(), slot.payload_types.begin());
  } else if (!source.key.mid.empty() || !source.key.rid.empty()) {
    slot.match = dataplane::SourceMatch::kName;
    slot.rid_length = static_cast<std::uint8_t>(source.key.rid.size());
    std::copy(source.key.rid.begin(), source.key.rid.end(), slot.rid.begin());
    slot.mid_length = static_cast<std::uint8_t>(source.key.mid.size());
    std::copy(source.key.mid.begin(), source.key.mid.end(), slot.mid.begin());
  } else {
    slot.match = dataplane::SourceMatch::kAny;
  }
  Command install;
  install.kind = CommandKind::kInstallSource;
  install.ref = source.ref;
  records.commands.send(install);
  return source;
}

Source& Routing::join_mirror(std::size_t worker, Endpoint& from, const SourceKey& key, SourceSlots slots) {
  if (const auto found = from.sources.find(SourcePlace{key, worker}); found != from.sources.end()) {
    ++(*found)->routes;
    return **found;
  }
  WorkerRecords& records = *context_.workers[worker];
  Source& home = join_home(from, key, std::move(slots.home));
  Source& mirror = adopt(worker, from, key, std::move(slots.mirror).value());
  mirror.home = &home;
  from.sources.insert(&mirror);
  dataplane::SourceSlot& slot = records.memory.sources[mirror.ref.slot];
  slot.endpoint = {};
  slot.home = home.ref;
  slot.home_worker = static_cast<std::uint8_t>(from.worker);
  Command install;
  install.kind = CommandKind::kInstallSource;
  install.ref = mirror.ref;
  records.commands.send(install);
  Command lend;
  lend.kind = CommandKind::kLendSource;
  lend.ref = home.ref;
  lend.source = mirror.ref;
  lend.worker = static_cast<std::uint8_t>(worker);
  context_.records(home).commands.send(lend);
  return mirror;
}

void Routing::leave_source(Source& source) {
  if (--source.routes != 0) return;
  Endpoint& endpoint = *source.endpoint;
  ++endpoint.sources_dying;
  Command remove_source;
  remove_source.kind = CommandKind::kRemoveSource;
  remove_source.ref = source.ref;
  context_.records(source).commands.send(remove_source);
  endpoint.sources.erase(&source);
  if (source.home == nullptr) return;
  Command unlend;
  unlend.kind = CommandKind::kUnlendSource;
  unlend.ref = source.home->ref;
  unlend.worker = static_cast<std::uint8_t>(source.worker);
  context_.records(*source.home).commands.send(unlend);
  leave_source(*std::exchange(source.home, nullptr));
}

void Routing::fill(const Route& route) {
  auto& slot = *new (&context_.slot(route)) dataplane::RouteSlot();
  slot.generation = route.ref.generation;
  slot.endpoint = route.to->ref;
  slot.ssrc = route.lease.ssrc;
  slot.clock_rate = route.request.clock_rate;
  slot.retransmit = route.retransmit;
  slot.keyframe_on_switch = route.request.keyframe_on_switch;
  slot.has_dscp = route.request.dscp.has_value();
  slot.dscp = route.request.dscp.value_or(0);
  slot.payload_type_count = static_cast<std::uint8_t>(route.request.payload_types.size());
  std::transform(route.request.payload_types.begin(), route.request.payload_types.end(),
                 slot.payload_types.begin(), [](const NumberMapping& mapping) {
                   return dataplane::PayloadTypeMapping{mapping.from, mapping.to};
                 });
  slot.map_extensions = route.request.header_extensions.has_value();
  if (slot.map_extensions)
    for (const NumberMapping& mapping : *route.request.header_extensions)
      slot.extension_ids[mapping.from] = mapping.to;
  slot.first_index = route.lease.first_index;
  slot.next_index.set(route.lease.first_index);
  slot.reorder_room = route.lease.is_new ? kReorderRoom : std::uint8_t{0};
  slot.source = route.source->ref.slot;
  slot.next_to_endpoint = slot.stream = dataplane::kNoSlot;
}

std::optional<RequestError> Routing::switch_to(Route& route, Endpoint& from, const SourceSelector& selector) {
  assert(!is_being_removed(route) && !from.removing && from.session == route.session);
  if (auto error = check_source(selector, from)) return *error;

  WorkerRecords& records = context_.records(route);
  const SourceKey key = source_key(selector, route.request.clock_rate);
  if (&from == route.source->endpoint && key == route.source->key) return std::nullopt;
  auto slots = reserve_source(records.index, from, key);
  if (!slots) return refuse_limit("routes_per_worker", context_.options.config.limits.routes_per_worker);
  Source& source = join_source(records.index, from, key, std::move(*slots));
  Source* former = std::exchange(route.source, &source);
  former->endpoint->outgoing.erase(OutgoingRoutes::s_iterator_to(route));
  from.outgoing.push_back(route);
  route.switched_to = std::make_unique<SourceSelector>(selector);

  Command change;
  change.kind = CommandKind::kSwitchRoute;
  change.ref = route.ref;
  change.source = source.ref;
  records.commands.send(change);
  leave_source(*former);
  return std::nullopt;
}

void Routing::remove(Route& route) {
  if (route.removing) return;
  route.removing = true;
  Command remove_route;
  remove_route.kind = CommandKind::kRemoveRoute;
  remove_route.ref = route.ref;
  context_.records(route).commands.send(remove_route);
  IncomingRoutes& incoming = route.to->incoming;
  incoming.splice(incoming.end(), incoming, IncomingRoutes::s_iterator_to(route));
  route.source->endpoint->outgoing.erase(OutgoingRoutes::s_iterator_to(route));
  leave_source(*std::exchange(route.source, nullptr));
}

bool Routing::detach(Endpoint& endpoint, std::size_t& budget) {
  // remove() takes a route out of `outgoing`; `incoming` keeps it, at the end, until the acknowledgement.
  for (; !endpoint.outgoing.empty(); --budget) {
    if (budget == 0) return false;
    remove(endpoint.outgoing.front());
  }
  for (; !endpoint.incoming.empty() && !endpoint.incoming.front().removing; --budget) {
    if (budget == 0) return false;
    remove(endpoint.incoming.front());
  }
  return true;
}

Endpoint* Routing::on_route_removed(WorkerRecords& records, dataplane::SlotRef ref) {
  Route* route = records.route(ref);
  if (route == nullptr || !route->removing) {
    ++context_.totals.stale_notes;
    return nullptr;
  }
  Endpoint* to = route->to;
  route->to->ssrcs->end(route->lease, context_.slot(*route).next_index.read());
  route->to->incoming.erase(IncomingRoutes::s_iterator_to(*route));
  records.drop(*route);
  ++context_.totals.routes_removed;
  context_.emit(*route, RouteRemoved{});
  context_.complete(route->done);
  Session& session = *route->session;
  session.routes.erase(session.routes.find(route->request.id));
  return to;
}

Endpoint* Routing::on_source_removed(WorkerRecords& records, dataplane::SlotRef ref) {
  Source* source = records.source(ref);
  if (source == nullptr || source->routes != 0) {
    ++context_.totals.stale_notes;
    return nullptr;
  }
  Endpoint* endpoint = source->endpoint;
  --endpoint->sources_dying;
  records.drop(*source);
  return endpoint;
}

void Routing::on_switched(WorkerRecords& records, dataplane::SlotRef ref) {
  const Route* route = records.route(ref);
  if (route == nullptr) {
    ++context_.totals.stale_notes;
    return;
  }
  context_.emit(*route, RouteSwitched{route->from().endpoint});
}

}  // namespace sluice::control
