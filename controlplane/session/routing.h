// routing: routes and the sources that feed them. Routes with an equal selector and clock rate share one
// source. A source lives as long as a route uses it. A route to an endpoint on another worker uses a mirror
// of the source there (dataplane/stages/lend.h). The mirror lives as long as a route uses it, and keeps the
// home source alive.
//
// A worker gets a source before the routes that use it, and the removal of a route before that of its source.
// Commands to different workers need no order: a loan names the mirror with its generation. Control thread
// only.
#pragma once

#include "controlplane/session/context.h"

namespace sluice::control {

class Routing {
 public:
  explicit Routing(Context& context) : context_(context) {}

  /// Returns the new route, or the error; then all that was taken for it is freed. REQUIRES: the session has
  /// no route of that id; both endpoints belong to it and are not being removed.
  [[nodiscard]] Result<Route*> create(Session& session, Endpoint& from, Endpoint& to,
                                      const RouteCreate& request);
  /// Feeds the route from another source. nullopt, or the error; then the route is as before. REQUIRES:
  /// `from` is in the route's session; neither it nor the route is being removed.
  [[nodiscard]] std::optional<RequestError> switch_to(Route& route, Endpoint& from,
                                                      const SourceSelector& selector);
  /// Begins the removal; on_route_removed ends it. Does nothing when it has begun already.
  void remove(Route& route);
  /// Begins the removal of routes to and from the endpoint, and so of its sources: of as many routes as
  /// `budget` says, which it counts down. True when the removal of all of them has begun.
  [[nodiscard]] bool detach(Endpoint& endpoint, std::size_t& budget);

  /// Take the worker's acknowledgement. They return the endpoint that the route led to, or that the source
  /// belongs to: its removal may have waited for this. nullptr for a stale reference, which is counted.
  Endpoint* on_route_removed(WorkerRecords& records, dataplane::SlotRef ref);
  Endpoint* on_source_removed(WorkerRecords& records, dataplane::SlotRef ref);
  /// Takes the worker's note that the first packet of a new source has left.
  void on_switched(WorkerRecords& records, dataplane::SlotRef ref);

 private:
  /// Slots for a source that does not exist yet, and for a mirror that does not exist yet.
  struct SourceSlots {
    std::optional<SlotLease> home;
    std::optional<SlotLease> mirror;
  };
  /// What was taken for a new route. The slots return to their pools unless publish() commits them.
  struct Reserved {
    SlotLease slot;
    SourceSlots source_slots;
    SourceKey key;
    OutgoingSsrcs::Lease lease;
  };

  [[nodiscard]] Result<Reserved> reserve(Endpoint& from, Endpoint& to, const RouteCreate& request);
  Route& publish(Session& session, Endpoint& from, Endpoint& to, const RouteCreate& request,
                 Reserved reserved);
  [[nodiscard]] Result<OutgoingSsrcs::Lease> lease_ssrc(Endpoint& to, const RouteCreate& request);
  /// Takes the slots that join_source will need. nullopt when a worker has no free source slot.
  [[nodiscard]] std::optional<SourceSlots> reserve_source(std::size_t worker, const Endpoint& from,
                                                          const SourceKey& key);
  /// Finds or installs the source, or its mirror on `worker`, and counts one more route on it. REQUIRES:
  /// `slots` were reserved for the same arguments, and nothing has changed since.
  Source& join_source(std::size_t worker, Endpoint& from, const SourceKey& key, SourceSlots slots);
  Source& join_home(Endpoint& from, const SourceKey& key, std::optional<SlotLease> lease);
  Source& join_mirror(std::size_t worker, Endpoint& from, const SourceKey& key, SourceSlots slots);
  Source& adopt(std::size_t worker, Endpoint& from, const SourceKey& key, SlotLease lease);
  void leave_source(Source& source);
  void fill(const Route& route);
  [[nodiscard]] bool caches_packets() const;

  Context& context_;
};

}  // namespace sluice::control
