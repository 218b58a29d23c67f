// sessions: the front desk. The work is done in the rooms behind it: endpoints, routing, remote_desk,
// webrtc_desk, punt_desk, idle_watch, stream_watch; what they share is in context. Control thread only.
#include "controlplane/sessions.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <tuple>

#include "controlplane/context.h"
#include "controlplane/endpoints.h"
#include "controlplane/idle_watch.h"
#include "controlplane/punt_desk.h"
#include "controlplane/refusals.h"
#include "controlplane/routing.h"
#include "controlplane/stream_watch.h"
#include "controlplane/views.h"

namespace sluice::control {
namespace {

// Notes of one worker that one turn takes in, so that nobody waits long for their turn.
constexpr std::size_t kNotesPerTurn = 4096;

std::string rfc3339_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace

struct Sessions::State {
  State(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine)
      : context(std::move(options), plane, std::move(engine)),
        remotes(context),
        webrtc(context, remotes),
        routing(context),
        endpoints(context, routing, remotes, webrtc),
        punts(context, remotes, webrtc),
        idle(context, webrtc),
        streams(context) {}

  bool drain_notes(WorkerBooks& books);
  void on_note(WorkerBooks& books, const dataplane::Note& note);
  void remove_session(Session& session, std::string_view reason);
  /// What was found out in the middle of something is done here, when nothing is half done.
  void settle();

  Context context;
  RemoteDesk remotes;
  WebrtcDesk webrtc;
  Routing routing;
  Endpoints endpoints;
  PuntDesk punts;
  IdleWatch idle;
  StreamWatch streams;
  std::function<void()> shut_down_done;
};

bool Sessions::State::drain_notes(WorkerBooks& books) {
  dataplane::Note note;
  for (std::size_t i = 0; i < kNotesPerTurn; ++i) {
    if (!books.memory.notes.pop(note)) return true;
    on_note(books, note);
  }
  return false;
}

void Sessions::State::on_note(WorkerBooks& books, const dataplane::Note& note) {
  using dataplane::NoteKind;
  switch (note.kind) {
    case NoteKind::kEndpointRemoved:
      endpoints.on_removed(books, note.ref);
      break;
    case NoteKind::kSourceRemoved:
      if (Endpoint* endpoint = routing.on_source_removed(books, note.ref)) endpoints.finish(*endpoint);
      break;
    case NoteKind::kRouteRemoved:
      if (Endpoint* endpoint = routing.on_route_removed(books, note.ref)) endpoints.finish(*endpoint);
      break;
    case NoteKind::kLatched:
      endpoints.on_latched(books, note);
      break;
    case NoteKind::kStreamStarted:
    case NoteKind::kStreamEnded:
      if (const Endpoint* endpoint = books.endpoint(note.ref))
        context.emit(note.kind == NoteKind::kStreamStarted ? "stream.started" : "stream.ended", *endpoint,
                     fmt::format(R"({{"ssrc":{}}})", note.ssrc));
      else
        ++context.totals.stale_notes;
      break;
    case NoteKind::kRouteSwitched:
      routing.on_switched(books, note.ref);
      break;
    case NoteKind::kStopped:
      break;
  }
}

void Sessions::State::remove_session(Session& session, std::string_view reason) {
  if (session.removing) return;
  session.removing = true;
  session.reason = reason;
  for (const auto& [id, endpoint] : session.endpoints) endpoints.say_goodbye(*endpoint, reason);
  for (const auto& [id, endpoint] : session.endpoints) endpoints.remove(*endpoint, reason);
  endpoints.finish(session);
}

void Sessions::State::settle() {
  for (std::size_t i = 0; i < context.verdicts.size(); ++i) {
    const Verdict verdict = context.verdicts[i];
    Endpoint* endpoint = context.workers[verdict.worker]->endpoint(verdict.endpoint);
    if (endpoint == nullptr || endpoint->removing) continue;
    if (verdict.failed) {
      endpoints.fail(*endpoint, verdict.reason, verdict.text);
      continue;
    }
    if (verdict.reason == "idle") ++context.totals.endpoints_idle_reclaimed;
    endpoints.remove(*endpoint, verdict.reason);
  }
  context.verdicts.clear();
  for (const std::string& id : context.idle_sessions) {
    Session* session = context.find_session(id);
    if (session == nullptr || session->removing || !session->endpoints.empty()) continue;
    ++context.totals.sessions_idle_reclaimed;
    remove_session(*session, "idle");
  }
  context.idle_sessions.clear();
  context.run_completions();
  const bool all_sent = std::all_of(context.workers.begin(), context.workers.end(),
                                    [](const auto& books) { return books->commands.flush(); });
  if (shut_down_done && context.sessions.empty() && all_sent) std::exchange(shut_down_done, nullptr)();
}

Sessions::Sessions(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine)
    : state_(std::make_unique<State>(std::move(options), plane, std::move(engine))) {}

Sessions::~Sessions() = default;

Result<Created<SessionView>> Sessions::create_session(const std::string& id) {
  Context& context = state_->context;
  if (context.stopping) return refuse_state("the daemon is stopping");
  if (!id.empty() && !is_object_id(id))
    return refuse_parameter("id", id, "1-128 characters of [A-Za-z0-9._:@-]");
  if (const Session* existing = context.find_session(id)) {
    if (existing->removing) return refuse_state(fmt::format("session \"{}\" is being removed", id));
    return Created<SessionView>{view_of(*existing), false};
  }
  if (context.sessions.size() >= context.options.config.limits.sessions)
    return refuse_limit("sessions", context.options.config.limits.sessions);
  WorkerBooks& home = context.least_loaded();
  if (auto refused = context.check_load(home)) return *refused;
  auto session = std::make_unique<Session>();
  session->id = id.empty() ? context.make_id("s-") : id;
  session->worker = home.index;
  session->blocks.push_back({home.index, 0});
  ++home.sessions;
  context.load.placed(home.index, context.sessions.size());
  session->created_at = rfc3339_now();
  Session& placed = *session;
  context.sessions.emplace(placed.id, std::move(session));
  context.mark_empty(placed);
  ++context.totals.sessions_created;
  context.emit("session.created", placed);
  return Created<SessionView>{view_of(placed), true};
}

Result<Created<EndpointView>> Sessions::create_endpoint(const EndpointCreate& request) {
  return state_->endpoints.create(request);
}

Result<EndpointView> Sessions::connect_endpoint(const EndpointConnect& request) {
  auto result = state_->endpoints.connect(request);
  state_->settle();
  return result;
}

Result<Created<RouteView>> Sessions::create_route(const RouteCreate& request) {
  return state_->routing.create(request);
}

Result<RouteView> Sessions::switch_route(const RouteSwitch& request) {
  return state_->routing.switch_to(request);
}

void Sessions::remove_session(const std::string& id, Done done) {
  Session* session = state_->context.find_session(id);
  if (session == nullptr) return done(refuse_unknown("session", id));
  session->done.push_back(std::move(done));
  state_->remove_session(*session, "request");
  state_->settle();
}

void Sessions::remove_endpoint(const std::string& session_id, const std::string& id, Done done) {
  Session* session = state_->context.find_session(session_id);
  if (session == nullptr) return done(refuse_unknown("session", session_id));
  Endpoint* endpoint = state_->context.find_endpoint(*session, id);
  if (endpoint == nullptr) return done(refuse_unknown("endpoint", id, session_id));
  endpoint->done.push_back(std::move(done));
  state_->endpoints.remove(*endpoint, "request");
  state_->settle();
}

void Sessions::remove_route(const std::string& session_id, const std::string& id, Done done) {
  Session* session = state_->context.find_session(session_id);
  if (session == nullptr) return done(refuse_unknown("session", session_id));
  Route* route = state_->context.find_route(*session, id);
  if (route == nullptr) return done(refuse_unknown("route", id, session_id));
  route->done.push_back(std::move(done));
  state_->routing.remove(*route);
  state_->settle();
}

std::vector<SessionView> Sessions::list_sessions() const {
  std::vector<SessionView> views;
  views.reserve(state_->context.sessions.size());
  for (const auto& [id, session] : state_->context.sessions) views.push_back(view_of(*session));
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return views;
}

Result<SessionView> Sessions::get_session(const std::string& id) const {
  const Session* session = state_->context.find_session(id);
  if (session == nullptr) return refuse_unknown("session", id);
  return view_of(*session);
}

Result<std::vector<EndpointView>> Sessions::list_endpoints(const std::string& session_id) const {
  Context& context = state_->context;
  std::vector<EndpointView> views;
  const auto add = [&](const Session& session) {
    for (const auto& [id, endpoint] : session.endpoints) views.push_back(view_of(context, *endpoint));
  };
  if (session_id.empty()) {
    for (const auto& [id, session] : context.sessions) add(*session);
  } else {
    const Session* session = context.find_session(session_id);
    if (session == nullptr) return refuse_unknown("session", session_id);
    add(*session);
  }
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::tie(a.session, a.id) < std::tie(b.session, b.id);
  });
  return views;
}

Result<EndpointView> Sessions::get_endpoint(const std::string& session_id, const std::string& id) const {
  const Session* session = state_->context.find_session(session_id);
  if (session == nullptr) return refuse_unknown("session", session_id);
  const Endpoint* endpoint = state_->context.find_endpoint(*session, id);
  if (endpoint == nullptr) return refuse_unknown("endpoint", id, session_id);
  return view_of(state_->context, *endpoint);
}

Result<std::vector<RouteView>> Sessions::list_routes(const std::string& session_id) const {
  Context& context = state_->context;
  std::vector<RouteView> views;
  const auto add = [&](const Session& session) {
    for (const auto& [id, route] : session.routes) views.push_back(view_of(context, *route));
  };
  if (session_id.empty()) {
    for (const auto& [id, session] : context.sessions) add(*session);
  } else {
    const Session* session = context.find_session(session_id);
    if (session == nullptr) return refuse_unknown("session", session_id);
    add(*session);
  }
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::tie(a.session, a.id) < std::tie(b.session, b.id);
  });
  return views;
}

Result<RouteView> Sessions::get_route(const std::string& session_id, const std::string& id) const {
  const Session* session = state_->context.find_session(session_id);
  if (session == nullptr) return refuse_unknown("session", session_id);
  const Route* route = state_->context.find_route(*session, id);
  if (route == nullptr) return refuse_unknown("route", id, session_id);
  return view_of(state_->context, *route);
}

Result<std::vector<StreamView>> Sessions::list_streams(const std::string& session_id,
                                                       const std::string& endpoint_id) const {
  const Session* session = nullptr;
  const Endpoint* endpoint = nullptr;
  if (!session_id.empty()) {
    session = state_->context.find_session(session_id);
    if (session == nullptr) return refuse_unknown("session", session_id);
  }
  if (!endpoint_id.empty()) {
    if (session == nullptr) return refuse_parameter("session", "nothing", "the session of the endpoint");
    endpoint = state_->context.find_endpoint(*session, endpoint_id);
    if (endpoint == nullptr) return refuse_unknown("endpoint", endpoint_id, session_id);
  }
  return state_->streams.list(session, endpoint);
}

Sessions::MediaPortsView Sessions::list_udp_ports() const {
  const Context& context = state_->context;
  MediaPortsView view{context.udp_ports.min(),
                      context.udp_ports.max(),
                      context.udp_ports.allocated(),
                      context.udp_ports.free(),
                      {}};
  for (const auto& [session_id, session] : context.sessions) {
    for (const auto& [id, endpoint] : session->endpoints) {
      const std::uint16_t rtp = endpoint->local.address.port;
      if (endpoint->shared_port) {
        view.ports.push_back({rtp, session_id, id, "ice"});
      } else if (endpoint->rtcp_mux) {
        view.ports.push_back({rtp, session_id, id, "rtp+rtcp"});
      } else {
        view.ports.push_back({rtp, session_id, id, "rtp"});
        view.ports.push_back({endpoint->rtcp_port, session_id, id, "rtcp"});
      }
    }
  }
  std::sort(view.ports.begin(), view.ports.end(), [](const auto& a, const auto& b) {
    return std::tie(a.udp_port, a.session, a.endpoint) < std::tie(b.udp_port, b.session, b.endpoint);
  });
  return view;
}

Sessions::WorkerLoad Sessions::worker_load(std::size_t worker) const {
  const WorkerBooks& books = *state_->context.workers[worker];
  const Context& context = state_->context;
  return {books.endpoint_slots.used(),   books.route_slots.used(),
          state_->streams.count(worker), books.sessions,
          context.load.reading(worker),  context.load.capacity_left_pps(worker, context.load_limit())};
}

Sessions::Totals Sessions::totals() const {
  Totals totals = state_->context.totals;
  for (const auto& books : state_->context.workers) {
    totals.pending_commands += books->commands.pending();
    totals.deferred_commands += books->commands.deferred();
    totals.frames_dropped += books->commands.frames_dropped();
  }
  return totals;
}

bool Sessions::poll(Clock::time_point now) {
  bool all = true;
  for (const auto& books : state_->context.workers) {
    all = state_->drain_notes(*books) && all;
    all = state_->punts.drain(*books, now) && all;
  }
  state_->settle();
  return all;
}

Sessions::Clock::time_point Sessions::tick(Clock::time_point now) {
  const Clock::time_point next =
      std::min({state_->idle.tick(now), state_->streams.tick(now), state_->remotes.tick(now),
                state_->webrtc.tick(now), state_->context.load.tick(now)});
  state_->settle();
  if (totals().pending_commands == 0) return next;
  // A full ring makes no noise when it empties.
  return std::min(next, now + std::chrono::milliseconds(1));
}

void Sessions::reconfigure(const config::Config& config) {
  state_->context.options.config = config;
}

void Sessions::shut_down(std::function<void()> done) {
  state_->context.stopping = true;
  state_->shut_down_done = std::move(done);
  // An empty session goes at once, out of the map that we would be walking.
  std::vector<Session*> all;
  for (const auto& [id, session] : state_->context.sessions) all.push_back(session.get());
  // Every peer is told before anything is taken down.
  for (Session* session : all)
    for (const auto& [id, endpoint] : session->endpoints)
      state_->endpoints.say_goodbye(*endpoint, "shutdown");
  for (Session* session : all) state_->remove_session(*session, "shutdown");
  state_->settle();
}

}  // namespace sluice::control
