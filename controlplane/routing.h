// routing: routes and the sources that feed them. Routes with an equal selector and clock rate share one
// source; a source lives as long as a route hangs on it. Commands go down in the order that the worker relies
// on: a source before the routes on it, a route's end before its source's. Control thread only.
#pragma once

#include "controlplane/context.h"

namespace sluice::control {

class Routing {
 public:
  explicit Routing(Context& context) : context_(context) {}

  Result<Created<RouteView>> create(const RouteCreate& request);
  Result<RouteView> switch_to(const RouteSwitch& request);
  /// Tells the worker; on_route_removed finishes it. Nothing when it is already on its way out.
  void remove(Route& route);
  /// Removes every route to and from the endpoint, and with them its sources.
  void detach(Endpoint& endpoint);

  /// The worker's acks. They return the endpoint that the route led to, or the source was of, which may have
  /// waited for it; nullptr when the reference is stale: that is counted and nothing else.
  Endpoint* on_route_removed(WorkerBooks& books, dataplane::SlotRef ref);
  Endpoint* on_source_removed(WorkerBooks& books, dataplane::SlotRef ref);
  void on_switched(WorkerBooks& books, dataplane::SlotRef ref);

 private:
  Result<Route*> place(Session& session, Endpoint& from, Endpoint& to, const RouteCreate& request);
  Result<OutgoingSsrcs::Lease> lease_ssrc(Endpoint& to, std::optional<std::uint32_t> ssrc);
  /// Finds or installs. nullptr when the worker has no source slot left.
  Source* join_source(WorkerBooks& books, Endpoint& from, SourceKey key);
  void leave_source(WorkerBooks& books, Source& source);
  void fill(const Route& route);
  bool caches_packets() const;

  Context& context_;
};

}  // namespace sluice::control
