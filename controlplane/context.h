// context: what the rooms of the session registry share: the directory of sessions, each worker's slots and
// mailbox, the UDP ports, the counts, and the small verbs on them (find, emit, inject). Control thread only.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "controlplane/command_queue.h"
#include "controlplane/load_meter.h"
#include "controlplane/media_plane.h"
#include "controlplane/objects.h"
#include "controlplane/sessions.h"
#include "controlplane/slot_pool.h"
#include "controlplane/udp_ports.h"

namespace sluice::control {

/// One worker as the control thread keeps its books. The tables grow with the highest slot ever used.
struct WorkerBooks {
  WorkerBooks(MediaPlane& plane, std::size_t worker);

  /// nullptr when that slot has another tenant by now, or none.
  Endpoint* endpoint(dataplane::SlotRef ref) const;
  Source* source(dataplane::SlotRef ref) const;
  Route* route(dataplane::SlotRef ref) const;

  std::size_t index;
  dataplane::WorkerMemory& memory;
  CommandQueue commands;
  SlotPool endpoint_slots;
  SlotPool source_slots;
  SlotPool route_slots;
  std::vector<Endpoint*> endpoints;              // by slot
  std::vector<std::unique_ptr<Source>> sources;  // by slot
  std::vector<Route*> routes;                    // by slot
  std::size_t sessions = 0;
};

/// An endpoint that must go, or has failed, found out in the middle of something that still uses it.
struct Verdict {
  std::size_t worker = 0;
  dataplane::SlotRef endpoint;
  std::string reason;
  bool failed = false;  // true: it stays, inert, for people to see; false: it is removed
  std::string text;     // more about the reason
};

struct Context {
  Context(Sessions::Options given, MediaPlane& media, std::unique_ptr<crypto::SrtpEngine> srtp);

  TimePoint now() const { return options.clock ? options.clock() : std::chrono::steady_clock::now(); }
  std::uint32_t random32();
  std::string make_id(std::string_view prefix);
  void emit(std::string_view type, const Session& session, std::string fields = {});
  void emit(std::string_view type, const Endpoint& endpoint, std::string fields = {});
  void emit(std::string_view type, const Route& route, std::string fields = {});

  /// nullptr when there is none of that id.
  Session* find_session(const std::string& id) const;
  Endpoint* find_endpoint(const Session& session, const std::string& id) const;
  Route* find_route(const Session& session, const std::string& id) const;

  WorkerBooks& books(const Session& session) { return *workers[session.worker]; }
  WorkerBooks& books(const Endpoint& endpoint) { return *workers[endpoint.worker]; }
  WorkerBooks& books(const Source& source) { return *workers[source.worker]; }
  /// A route lives where it leads.
  WorkerBooks& books(const Route& route) { return *workers[route.to->worker]; }
  const dataplane::PortInfo& port(const Endpoint& endpoint) const { return plane.port(endpoint.port_index); }
  dataplane::EndpointSlot& slot(const Endpoint& endpoint) {
    return books(endpoint).memory.endpoints[endpoint.ref.slot];
  }
  dataplane::RouteSlot& slot(const Route& route) { return books(route).memory.routes[route.ref.slot]; }

  /// A UDP datagram from one of our addresses, as a whole frame through that endpoint's worker. False: lost.
  bool inject_udp(const Endpoint& endpoint, const dataplane::LinkEnd& local, const dataplane::LinkEnd& remote,
                  std::span<const std::uint8_t> payload);

  /// Calls back later, when nothing is half done (run_completions).
  void complete(std::vector<Done>& done);
  void run_completions();

  /// Where a new session belongs: the least loaded worker, by steps of 5 %; among equals the one with the
  /// fewest endpoints, then the one with the fewest sessions, which will have endpoints soon.
  WorkerBooks& least_loaded();
  /// limits.worker_load_percent as a share.
  double load_limit() const { return options.config.limits.worker_load_percent / 100.0; }
  /// Why `home`, the least loaded, takes no new session; nothing when it does.
  std::optional<RequestError> check_load(const WorkerBooks& home) const;

  /// The block of the session that a new endpoint joins: the first that has room, or a new one, on the
  /// worker with the fewest of its blocks, and the least load among those. nullopt when no worker has a slot
  /// left.
  std::optional<std::size_t> find_block(Session& session);

  void mark_empty(Session& session);
  void mark_occupied(Session& session);

  Sessions::Options options;
  MediaPlane& plane;
  std::unique_ptr<crypto::SrtpEngine> engine;
  UdpPorts udp_ports;
  LoadMeter load;
  std::vector<std::unique_ptr<WorkerBooks>> workers;
  std::unordered_map<std::string, std::unique_ptr<Session>> sessions;
  std::list<Session*> empty_sessions;  // longest empty first
  std::vector<Verdict> verdicts;
  std::vector<std::string> idle_sessions;  // to be removed
  std::vector<std::function<void()>> completions;
  Sessions::Totals totals{};
  bool stopping = false;

 private:
  std::tuple<int, std::size_t, std::size_t> load_rank(const WorkerBooks& books) const;

  std::vector<std::uint8_t> frame_;  // scratch of inject_udp
};

}  // namespace sluice::control
