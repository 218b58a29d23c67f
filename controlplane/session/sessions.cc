// sessions: looks up what requests name, and calls the modules that do the work: endpoints, routing,
// remote_addresses, webrtc_transport, punt_dispatch, idle_watch, stream_watch. They share Context. Control
// thread only.
#include "controlplane/session/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "config/reload.h"
#include "controlplane/base/rfc3339.h"
#include "controlplane/session/context.h"
#include "controlplane/session/endpoint_plan.h"
#include "controlplane/session/endpoints.h"
#include "controlplane/session/idle_watch.h"
#include "controlplane/session/listing.h"
#include "controlplane/session/port_watch.h"
#include "controlplane/session/punt_dispatch.h"
#include "controlplane/session/removals.h"
#include "controlplane/session/route_plan.h"
#include "controlplane/session/routing.h"
#include "controlplane/session/rules.h"
#include "controlplane/session/stream_watch.h"
#include "controlplane/session/views.h"

namespace sluice::control {
namespace {

// The most notes of one worker in one turn. The note that an endpoint is gone costs most: it frees the DTLS
// association and makes events.
constexpr std::size_t kNotesPerTurn = 128;

}  // namespace

struct Sessions::State {
  State(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine)
      : context(std::move(options), plane, std::move(engine)),
        remotes(context),
        ports(context, remotes),
        webrtc(context, remotes),
        routing(context),
        endpoints(context, routing, remotes, webrtc),
        removals(context, endpoints),
        listing(context, remotes),
        punts(context, remotes, webrtc),
        idle(context, webrtc),
        streams(context) {}

  bool drain_notes(WorkerRecords& records);
  void on_note(WorkerRecords& records, const dataplane::Note& note);

  // Requests. These functions look up the named objects; the modules do the rest.
  Result<Created<SessionView>> create_session(const SessionCreate& request);
  Result<SessionView> renew_session(const SessionRenew& request);
  Result<Created<EndpointView>> create_endpoint(const EndpointCreate& request);
  Result<EndpointView> connect_endpoint(const EndpointConnect& request);
  Result<Created<RouteView>> create_route(const RouteCreate& request);
  Result<RouteView> switch_route(const RouteSwitch& request);

  /// The session that a new object joins; kWrongState while the daemon is stopping.
  Result<Session*> session_for_new(const std::string& id) const;
  /// The error when no new object can have that id, whatever its parameters. `existing` is the object that
  /// has it now, or nullptr.
  template <typename Object>
  static std::optional<RequestError> check_id(std::string_view kind, const std::string& id,
                                              const Object* existing);
  /// The answer to a creation with the id of `existing`: that object if its parameters are the same, else
  /// kConflict.
  template <typename View, typename Object, typename Request>
  Result<Created<View>> answer_existing(const Object& existing, const Request& request) {
    if (!same_parameters(existing.request, request)) return refuse_existing(view_of(context, existing));
    return Created<View>{view_of(context, existing), false};
  }
  /// Begins the removal of the object and calls `done` at its end. If `found` is an error, calls `done` with
  /// it.
  template <typename Object, typename Remove>
  void remove(const Result<Object*>& found, Done done, Remove remove_object);
  template <typename View, typename Object>
  Result<View> view(const Result<Object*>& found) {
    if (const auto* error = std::get_if<RequestError>(&found)) return *error;
    return view_of(context, *std::get<Object*>(found));
  }

  /// Does the deferred work and sends waiting commands. Called at the end of every request and of every turn,
  /// when no operation is half done.
  void settle();
  template <typename T>
  T settled(T result) {
    settle();
    return result;
  }
  void carry_out(const PendingRemoval& removal);
  void carry_out(const PendingFailure& failure);
  void carry_out(const SessionEnd& end);
  void carry_out(const Completion& completion) { completion.done(std::nullopt); }

  Context context;
  RemoteAddresses remotes;
  PortWatch ports;
  WebrtcTransport webrtc;
  Routing routing;
  Endpoints endpoints;
  Removals removals;
  Listing listing;
  PuntDispatch punts;
  IdleWatch idle;
  StreamWatch streams;
  std::function<void()> shut_down_done;
};

bool Sessions::State::drain_notes(WorkerRecords& records) {
  dataplane::Note note;
  for (std::size_t i = 0; i < kNotesPerTurn; ++i) {
    if (!records.memory.notes.pop(note)) return true;
    on_note(records, note);
  }
  return false;
}

void Sessions::State::on_note(WorkerRecords& records, const dataplane::Note& note) {
  using dataplane::NoteKind;
  switch (note.kind) {
    case NoteKind::kEndpointRemoved:
      endpoints.on_removed(records, note.ref);
      break;
    case NoteKind::kEndpointUpdated:
      endpoints.on_updated(records, note);
      break;
    case NoteKind::kSourceRemoved:
      if (Endpoint* endpoint = routing.on_source_removed(records, note.ref)) endpoints.finish(*endpoint);
      break;
    case NoteKind::kRouteRemoved:
      if (Endpoint* endpoint = routing.on_route_removed(records, note.ref)) endpoints.finish(*endpoint);
      break;
    case NoteKind::kLatched:
      endpoints.on_latched(records, note);
      break;
    case NoteKind::kStreamStarted:
    case NoteKind::kStreamEnded:
      if (const Endpoint* endpoint = records.endpoint(note.ref))
        context.emit(*endpoint, note.kind == NoteKind::kStreamStarted ? EventBody(StreamStarted{note.ssrc})
                                                                      : EventBody(StreamEnded{note.ssrc}));
      else
        ++context.totals.stale_notes;
      break;
    case NoteKind::kRouteSwitched:
      routing.on_switched(records, note.ref);
      break;
    case NoteKind::kStopped:
      break;
  }
}

void Sessions::State::carry_out(const PendingRemoval& removal) {
  Endpoint* endpoint = context.workers[removal.worker]->endpoint(removal.endpoint);
  if (endpoint == nullptr || endpoint->removing) return;
  if (removal.reason == "idle") ++context.totals.endpoints_idle_reclaimed;
  removals.begin(*endpoint, removal.reason);
}

void Sessions::State::carry_out(const PendingFailure& failure) {
  if (Endpoint* endpoint = context.workers[failure.worker]->endpoint(failure.endpoint))
    endpoints.fail(*endpoint, failure.reason, failure.text);
}

void Sessions::State::carry_out(const SessionEnd& end) {
  Session* session = context.registry.find_session(end.id);
  if (session == nullptr || session->removing) return;
  ++(end.reason == "idle" ? context.totals.sessions_idle_reclaimed : context.totals.sessions_lease_ended);
  removals.begin(*session, end.reason);
}

void Sessions::State::settle() {
  if (context.deferred.is_draining()) return;
  removals.step();
  if (!context.deferred.drain([this](const auto& work) { carry_out(work); })) return;
  bool all_sent = true;
  for (const auto& records : context.workers) all_sent = records->commands.flush() && all_sent;
  if (shut_down_done && context.registry.sessions().empty() && context.deferred.is_empty() && all_sent)
    std::exchange(shut_down_done, nullptr)();
}

Result<Session*> Sessions::State::session_for_new(const std::string& id) const {
  if (context.stopping) return refuse_state("the daemon is stopping");
  return context.registry.need_session(id, Liveness::kStaying);
}

template <typename Object>
std::optional<RequestError> Sessions::State::check_id(std::string_view kind, const std::string& id,
                                                      const Object* existing) {
  if (auto error = check_new_id(id)) return *error;
  if (existing != nullptr && is_being_removed(*existing))
    return refuse_state(fmt::format("{} \"{}\" is being removed", kind, id));
  return std::nullopt;
}

Result<Created<SessionView>> Sessions::State::create_session(const SessionCreate& request) {
  if (context.stopping) return refuse_state("the daemon is stopping");
  if (auto error = check(request)) return *error;
  const std::string& id = request.id;
  const Session* existing = context.registry.find_session(id);
  if (auto error = check_id("session", id, existing)) return *error;
  if (existing != nullptr) return answer_existing<SessionView>(*existing, request);
  const std::size_t count = context.registry.sessions().size();
  if (count >= context.options.config.limits.sessions)
    return refuse_limit("sessions", context.options.config.limits.sessions);
  WorkerRecords& home = context.placement.least_loaded();
  if (auto refused = context.placement.check_load(home)) return *refused;
  auto made = std::make_unique<Session>();
  made->id = id.empty() ? context.registry.make_id("s-") : id;
  made->flow = static_cast<std::uint16_t>(context.totals.sessions_created % 65535 + 1);
  made->worker = home.index;
  made->blocks.push_back({home.index, 0});
  ++home.sessions;
  made->expected_load = context.load.placed(home.index, count, context.now());
  made->created = context.now();
  made->created_at = rfc3339(std::chrono::system_clock::now(), TimePrecision::kSeconds);
  made->request = request;
  made->idle_timeout_s = request.idle_timeout_s;
  made->empty_since = made->last_alive = made->created;
  IdleWatch::lease(*made, request.lease_s, made->created);
  Session& session = context.registry.add(std::move(made));
  ++context.totals.sessions_created;
  context.emit(session, SessionCreated{});
  return Created<SessionView>{view_of(context, session), true};
}

Result<SessionView> Sessions::State::renew_session(const SessionRenew& request) {
  if (auto error = check(request)) return *error;
  const auto found = context.registry.need_session(request.id, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  Session& session = *std::get<Session*>(found);
  if (request.idle_timeout_s) session.idle_timeout_s = request.idle_timeout_s;
  IdleWatch::lease(session, request.lease_s.value_or(session.lease_s), context.now());
  IdleWatch::signalled(session, context.now());
  return view_of(context, session);
}

Result<Created<EndpointView>> Sessions::State::create_endpoint(const EndpointCreate& request) {
  const auto found = session_for_new(request.session);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  Session& session = *std::get<Session*>(found);
  const Endpoint* existing = context.registry.find_endpoint(session, request.id);
  if (auto error = check_id("endpoint", request.id, existing)) return *error;
  if (existing != nullptr) return answer_existing<EndpointView>(*existing, request);
  const auto created = endpoints.create(session, request);
  if (const auto* error = std::get_if<RequestError>(&created)) return *error;
  IdleWatch::signalled(*std::get<Endpoint*>(created), context.now());
  return Created<EndpointView>{view_of(context, *std::get<Endpoint*>(created)), true};
}

Result<EndpointView> Sessions::State::connect_endpoint(const EndpointConnect& request) {
  if (context.stopping) return refuse_state("the daemon is stopping");
  const auto found = context.registry.need_endpoint(request.session, request.id, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  Endpoint& endpoint = *std::get<Endpoint*>(found);
  if (auto error = endpoints.connect(endpoint, request)) return *error;
  if (request.idle_timeout_s) endpoint.idle_timeout_s = request.idle_timeout_s;
  IdleWatch::signalled(endpoint, context.now());
  return view_of(context, endpoint);
}

Result<Created<RouteView>> Sessions::State::create_route(const RouteCreate& request) {
  const auto found = session_for_new(request.session);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  Session& session = *std::get<Session*>(found);
  const Route* existing = context.registry.find_route(session, request.id);
  if (auto error = check_id("route", request.id, existing)) return *error;
  if (existing != nullptr) return answer_existing<RouteView>(*existing, request);
  const auto from = context.registry.need_endpoint(session, request.from.endpoint, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&from)) return *error;
  const auto to = context.registry.need_endpoint(session, request.to, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&to)) return *error;
  const auto created = routing.create(session, *std::get<Endpoint*>(from), *std::get<Endpoint*>(to), request);
  if (const auto* error = std::get_if<RequestError>(&created)) return *error;
  IdleWatch::signalled(*std::get<Endpoint*>(from), context.now());
  IdleWatch::signalled(*std::get<Endpoint*>(to), context.now());
  return Created<RouteView>{view_of(context, *std::get<Route*>(created)), true};
}

Result<RouteView> Sessions::State::switch_route(const RouteSwitch& request) {
  if (context.stopping) return refuse_state("the daemon is stopping");
  const auto found = context.registry.need_route(request.session, request.id, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  Route& route = *std::get<Route*>(found);
  const auto from = context.registry.need_endpoint(*route.session, request.from.endpoint, Liveness::kStaying);
  if (const auto* error = std::get_if<RequestError>(&from)) return *error;
  if (auto error = routing.switch_to(route, *std::get<Endpoint*>(from), request.from)) return *error;
  IdleWatch::signalled(*std::get<Endpoint*>(from), context.now());
  IdleWatch::signalled(*route.to, context.now());
  return view_of(context, route);
}

template <typename Object, typename Remove>
void Sessions::State::remove(const Result<Object*>& found, Done done, Remove remove_object) {
  if (const auto* error = std::get_if<RequestError>(&found)) return done(*error);
  Object& object = *std::get<Object*>(found);
  object.done.push_back(std::move(done));
  remove_object(object);
  settle();
}

Sessions::Sessions(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine)
    : state_(std::make_unique<State>(std::move(options), plane, std::move(engine))) {}

Sessions::~Sessions() = default;

Result<Created<SessionView>> Sessions::create_session(const SessionCreate& request) {
  return state_->settled(state_->create_session(request));
}

Result<SessionView> Sessions::renew_session(const SessionRenew& request) {
  return state_->settled(state_->renew_session(request));
}

Result<Created<EndpointView>> Sessions::create_endpoint(const EndpointCreate& request) {
  return state_->settled(state_->create_endpoint(request));
}

Result<EndpointView> Sessions::connect_endpoint(const EndpointConnect& request) {
  return state_->settled(state_->connect_endpoint(request));
}

Result<Created<RouteView>> Sessions::create_route(const RouteCreate& request) {
  return state_->settled(state_->create_route(request));
}

Result<RouteView> Sessions::switch_route(const RouteSwitch& request) {
  return state_->settled(state_->switch_route(request));
}

void Sessions::remove_session(const std::string& id, Done done) {
  state_->remove(state_->context.registry.need_session(id, Liveness::kAny), std::move(done),
                 [&](Session& session) { state_->removals.begin(session, "request"); });
}

void Sessions::remove_endpoint(const std::string& session, const std::string& id, Done done) {
  state_->remove(state_->context.registry.need_endpoint(session, id, Liveness::kAny), std::move(done),
                 [&](Endpoint& endpoint) { state_->removals.begin(endpoint, "request"); });
}

void Sessions::remove_route(const std::string& session, const std::string& id, Done done) {
  state_->remove(state_->context.registry.need_route(session, id, Liveness::kAny), std::move(done),
                 [&](Route& route) { state_->routing.remove(route); });
}

Result<Page<SessionView>> Sessions::list_sessions(const SessionList& request) const {
  return state_->listing.sessions(request);
}

std::size_t Sessions::session_count() const {
  return state_->context.registry.sessions().size();
}

Result<SessionView> Sessions::get_session(const std::string& id) const {
  const auto found = state_->context.registry.need_session(id, Liveness::kAny);
  if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  return view_of(state_->context, *std::get<Session*>(found));
}

Result<Page<EndpointView>> Sessions::list_endpoints(const EndpointList& request) const {
  return state_->listing.endpoints(request);
}

Result<EndpointView> Sessions::get_endpoint(const std::string& session, const std::string& id) const {
  return state_->view<EndpointView>(state_->context.registry.need_endpoint(session, id, Liveness::kAny));
}

Result<Page<RouteView>> Sessions::list_routes(const RouteList& request) const {
  return state_->listing.routes(request);
}

Result<RouteView> Sessions::get_route(const std::string& session, const std::string& id) const {
  return state_->view<RouteView>(state_->context.registry.need_route(session, id, Liveness::kAny));
}

Result<Page<StreamView>> Sessions::list_streams(const StreamList& request) const {
  if (auto error = check(request)) return *error;
  if (request.session.empty()) return state_->streams.list(request, nullptr, nullptr);
  const Registry& registry = state_->context.registry;
  const auto session = registry.need_session(request.session, Liveness::kAny);
  if (const auto* error = std::get_if<RequestError>(&session)) return *error;
  if (request.endpoint.empty()) return state_->streams.list(request, std::get<Session*>(session), nullptr);
  const auto endpoint =
      registry.need_endpoint(*std::get<Session*>(session), request.endpoint, Liveness::kAny);
  if (const auto* error = std::get_if<RequestError>(&endpoint)) return *error;
  return state_->streams.list(request, std::get<Session*>(session), std::get<Endpoint*>(endpoint));
}

Result<Page<UdpPortView>> Sessions::list_udp_ports(const PortList& request) const {
  return state_->listing.udp_ports(request);
}

Result<Page<NeighborView>> Sessions::list_neighbors(const NeighborList& request) const {
  return state_->listing.neighbors(request);
}

LinkView Sessions::link(std::size_t port_index) const {
  const dataplane::PortInfo& info = state_->context.plane.port(port_index);
  const Neighbors& neighbors = state_->remotes.neighbors();
  const auto index = static_cast<std::uint16_t>(port_index);
  LinkView view{.address_conflicts = neighbors.conflicts(index)};
  if (info.gateway) view.gateway_mac = neighbors.table().find({index, *info.gateway});
  if (info.gateway6) view.gateway6_mac = neighbors.table().find({index, *info.gateway6});
  return view;
}

Sessions::MediaPorts Sessions::media_ports() const {
  const UdpPorts& ports = state_->context.udp_ports;
  MediaPorts media{.min = ports.min(), .max = ports.max(), .addresses = ports.uses()};
  for (const UdpPorts::Use& use : media.addresses) {
    media.allocated += use.allocated;
    media.free += use.free;
  }
  return media;
}

Sessions::WorkerLoad Sessions::worker_load(std::size_t worker) const {
  const WorkerRecords& records = *state_->context.workers[worker];
  const Context& context = state_->context;
  return {records.endpoint_slots.used(),
          records.route_slots.used(),
          records.memory.streams_in_use.read(),
          records.sessions,
          context.load.reading(worker),
          context.load.capacity_left_pps(worker, context.placement.load_limit())};
}

Sessions::Totals Sessions::totals() const {
  Totals totals = state_->context.totals;
  for (const auto& records : state_->context.workers) {
    totals.pending_commands += records->commands.pending();
    totals.deferred_commands += records->commands.deferred();
    totals.frames_dropped += records->commands.frames_dropped();
  }
  return totals;
}

bool Sessions::poll(Clock::time_point now) {
  bool all = true;
  for (const auto& records : state_->context.workers) {
    all = state_->drain_notes(*records) && all;
    all = state_->punts.drain(*records, now) && all;
  }
  state_->settle();
  return all && !state_->removals.is_busy() && state_->context.deferred.is_empty();
}

Sessions::Clock::time_point Sessions::tick(Clock::time_point now) {
  const Clock::time_point next =
      std::min({state_->idle.tick(now), state_->streams.tick(now), state_->remotes.tick(now),
                state_->ports.tick(now), state_->webrtc.tick(now), state_->context.load.tick(now)});
  state_->settle();
  if (totals().pending_commands == 0) return next;
  // Nothing wakes this thread when a full ring gets free entries, so it looks again soon.
  return std::min(next, now + std::chrono::milliseconds(1));
}

void Sessions::reconfigure(const config::Config& config) {
  [[maybe_unused]] const auto is_live = [](const config::Change& change) {
    return change.apply == config::Apply::kLive;
  };
  assert(std::ranges::all_of(config::changes_between(state_->context.options.config, config), is_live));
  state_->context.options.config = config;
}

void Sessions::shut_down(std::function<void()> done) {
  state_->context.stopping = true;
  state_->shut_down_done = std::move(done);
  state_->removals.begin_all("shutdown");
  state_->settle();
}

}  // namespace sluice::control
