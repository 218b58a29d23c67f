// endpoints: the life of an endpoint: created (slot, ports, keys), connected (the peer's side becomes known),
// failed, and removed in the order that the design asks for: no new admission, close_notify while transmit is
// live, routes and sources, the slot; then, after the worker's ack, keys wiped and port and slot free.
// Control thread only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/endpoint_plan.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/routing.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class Endpoints {
 public:
  Endpoints(Context& context, Routing& routing, RemoteAddresses& remotes, WebrtcTransport& webrtc)
      : context_(context), routing_(routing), remotes_(remotes), webrtc_(webrtc) {}

  /// REQUIRES: the session has no endpoint of that id and is not being removed.
  [[nodiscard]] Result<Endpoint*> create(Session& session, const EndpointCreate& request);
  /// nullopt, or why the peer's side is refused. REQUIRES: the endpoint is not being removed.
  [[nodiscard]] std::optional<RequestError> connect(Endpoint& endpoint, const EndpointConnect& request);

  /// The first step of a removal: no more admission, and close_notify on its way. Where many go, all of them
  /// are told before the first is taken down.
  void say_goodbye(Endpoint& endpoint, std::string_view reason);
  /// Begins the removal; on_removed ends it. Nothing when it is already on its way out.
  void remove(Endpoint& endpoint, std::string_view reason);
  /// It stays, inert, for people to see why, until it is removed or reclaimed.
  void fail(Endpoint& endpoint, std::string_view reason, std::string_view text);

  /// The worker's ack. A stale reference is counted and nothing else.
  void on_removed(WorkerRecords& records, dataplane::SlotRef ref);
  /// Frees what is left when the worker has acked the endpoint and all that hung on it; the session may go
  /// with it.
  void finish(Endpoint& endpoint);
  void on_latched(WorkerRecords& records, const dataplane::Note& note);

  /// Ends a session that is being removed and has nothing left.
  void finish(Session& session);

 private:
  struct Reserved;

  [[nodiscard]] Result<Reserved> reserve(Session& session, const EndpointCreate& request,
                                         const EndpointPlan& plan);
  Endpoint& publish(Reserved reserved);
  void set_ports(Endpoint& endpoint, const EndpointPlan& plan, std::uint16_t udp_port);
  [[nodiscard]] std::optional<RequestError> make_keys(Endpoint& endpoint);
  void fill_slot(Endpoint& endpoint, const EndpointPlan& plan);

  Context& context_;
  Routing& routing_;
  RemoteAddresses& remotes_;
  WebrtcTransport& webrtc_;
};

}  // namespace sluice::control
