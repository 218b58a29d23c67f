// endpoints: the life of an endpoint: created (slot, ports, keys), connected (the peer's side becomes known),
// failed, and removed in the order that the design asks for: no new admission, close_notify while transmit is
// live, routes and sources, the slot; then, after the worker's ack, keys wiped and port and slot free.
// Control thread only.
#pragma once

#include "controlplane/context.h"
#include "controlplane/endpoint_plan.h"
#include "controlplane/remote_desk.h"
#include "controlplane/routing.h"
#include "controlplane/webrtc_desk.h"

namespace sluice::control {

class Endpoints {
 public:
  Endpoints(Context& context, Routing& routing, RemoteDesk& remotes, WebrtcDesk& webrtc)
      : context_(context), routing_(routing), remotes_(remotes), webrtc_(webrtc) {}

  Result<Created<EndpointView>> create(const EndpointCreate& request);
  Result<EndpointView> connect(const EndpointConnect& request);

  /// The first step of a removal: no more admission, and close_notify on its way. Where many go, all of them
  /// are told before the first is taken down.
  void say_goodbye(Endpoint& endpoint, std::string_view reason);
  /// Begins the removal; on_removed ends it. Nothing when it is already on its way out.
  void remove(Endpoint& endpoint, std::string_view reason);
  /// It stays, inert, for people to see why, until it is removed or reclaimed.
  void fail(Endpoint& endpoint, std::string_view reason, std::string_view text);

  /// The worker's ack. False when the reference is stale.
  bool on_removed(WorkerBooks& books, dataplane::SlotRef ref);
  /// Frees what is left when the worker has acked the endpoint and all that hung on it; the session may go
  /// with it.
  void finish(Endpoint& endpoint);
  void on_latched(WorkerBooks& books, const dataplane::Note& note);

  /// Ends a session that is being removed and has nothing left.
  void finish(Session& session);

 private:
  std::optional<RequestError> take_ports(Endpoint& endpoint, const EndpointPlan& plan);
  void give_ports_back(const Endpoint& endpoint);
  std::optional<RequestError> make_keys(Endpoint& endpoint);
  void fill_slot(Endpoint& endpoint, const EndpointPlan& plan);

  Context& context_;
  Routing& routing_;
  RemoteDesk& remotes_;
  WebrtcDesk& webrtc_;
};

}  // namespace sluice::control
