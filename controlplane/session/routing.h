// routing: routes and the sources that feed them. Routes with an equal selector and clock rate share one
// source; a source lives as long as a route hangs on it. A route to an endpoint on another worker than its
// source's hangs there on a mirror of the source (dataplane/stages/lend.h), which lives as long, and keeps
// its home. Commands go down in the order that a worker relies on: a source before the routes on it, a
// route's end before its source's. Between workers no order is needed: what is lent names the mirror with its
// generation. Control thread only.
#pragma once

#include "controlplane/session/context.h"

namespace sluice::control {

class Routing {
 public:
  explicit Routing(Context& context) : context_(context) {}

  /// REQUIRES: the session has no route of that id; both ends are its own and not being removed.
  [[nodiscard]] Result<Route*> create(Session& session, Endpoint& from, Endpoint& to,
                                      const RouteCreate& request);
  /// nullopt, or why the route stays as it is. REQUIRES: `from` is of the route's session; neither is being
  /// removed.
  [[nodiscard]] std::optional<RequestError> switch_to(Route& route, Endpoint& from,
                                                      const SourceSelector& selector);
  /// Tells the worker; on_route_removed finishes it. Nothing when it is already on its way out.
  void remove(Route& route);
  /// Removes every route to and from the endpoint, and with them its sources.
  void detach(Endpoint& endpoint);

  /// The worker's acks. They return the endpoint that the route led to, or the source was of, which may have
  /// waited for it; nullptr when the reference is stale: that is counted and nothing else.
  Endpoint* on_route_removed(WorkerRecords& records, dataplane::SlotRef ref);
  Endpoint* on_source_removed(WorkerRecords& records, dataplane::SlotRef ref);
  void on_switched(WorkerRecords& records, dataplane::SlotRef ref);

 private:
  /// Slots for a source that is not there yet: on its endpoint's worker, and for a mirror of it.
  struct SourceSlots {
    std::optional<SlotLease> home;
    std::optional<SlotLease> mirror;
  };
  /// What was taken for a new route. The slots go back unless it is published.
  struct Reserved {
    SlotLease slot;
    SourceSlots source_slots;
    SourceKey key;
    OutgoingSsrcs::Lease lease;
  };

  [[nodiscard]] Result<Reserved> reserve(Endpoint& from, Endpoint& to, const RouteCreate& request);
  Route& publish(Session& session, Endpoint& from, Endpoint& to, const RouteCreate& request,
                 Reserved reserved);
  [[nodiscard]] Result<OutgoingSsrcs::Lease> lease_ssrc(Endpoint& to, std::optional<std::uint32_t> ssrc);
  /// What join_source will need. nullopt when a worker has no source slot left.
  [[nodiscard]] std::optional<SourceSlots> reserve_source(std::size_t worker, const Endpoint& from,
                                                          const SourceKey& key);
  /// Finds or installs. REQUIRES: `slots` were reserved for the same, and nothing has changed since.
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
