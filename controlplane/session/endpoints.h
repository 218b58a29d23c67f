// endpoints: the life of an endpoint. create() takes a slot, UDP ports and keys. connect() takes what becomes
// known of the peer later. fail() leaves a failed endpoint in place.
//
// remove() follows the order of docs/architecture.md: no new admission; close_notify while transmit is live;
// routes and sources; the endpoint. After the worker's acknowledgement the keys are wiped, and UDP ports and
// slot are free. Control thread only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/endpoint_plan.h"
#include "controlplane/session/peer_plan.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/routing.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class Endpoints {
 public:
  Endpoints(Context& context, Routing& routing, RemoteAddresses& remotes, WebrtcTransport& webrtc)
      : context_(context), routing_(routing), remotes_(remotes), webrtc_(webrtc) {}

  /// Returns the new endpoint, or the error; then all that was taken for it is freed. REQUIRES: the session
  /// has no endpoint of that id and is not being removed.
  [[nodiscard]] Result<Endpoint*> create(Session& session, const EndpointCreate& request);
  /// Takes what the request says about the peer, as often as signalling describes it. nullopt, or the error;
  /// then the endpoint is as before. REQUIRES: the endpoint is not being removed.
  [[nodiscard]] std::optional<RequestError> connect(Endpoint& endpoint, const EndpointConnect& request);

  /// The first step of a removal: admits no new peer and sends close_notify. A caller that removes many
  /// endpoints calls this for all of them before it calls remove() for the first.
  void say_goodbye(Endpoint& endpoint, std::string_view reason);
  /// Begins the removal, or goes on with it: removes as many routes as `budget` says, which it counts down.
  /// True when all has begun; then on_removed ends it. False when routes are left for another call.
  [[nodiscard]] bool remove(Endpoint& endpoint, std::string_view reason, std::size_t& budget);
  /// Marks the endpoint as failed. It stays without function, so that operators can see the reason, until it
  /// is removed or reclaimed as idle.
  void fail(Endpoint& endpoint, std::string_view reason, std::string_view text);

  /// Takes the worker's acknowledgement. A stale reference is counted and changes nothing else.
  void on_removed(WorkerRecords& records, dataplane::SlotRef ref);
  /// Frees the endpoint when the worker has acknowledged the removal of the endpoint, of the routes to it and
  /// of its sources; else does nothing. Also ends its session when that is being removed and has no other
  /// endpoint.
  void finish(Endpoint& endpoint);
  /// Takes the worker's note that it now sends to another address. A stale reference is counted.
  void on_latched(WorkerRecords& records, const dataplane::Note& note);
  /// Takes the worker's answer to kUpdateEndpoint. A stale reference is counted.
  void on_updated(WorkerRecords& records, const dataplane::Note& note);

  /// Ends a session that is being removed and has no endpoint left; else does nothing.
  void finish(Session& session);

 private:
  struct Reserved;

  [[nodiscard]] Result<Reserved> reserve(Session& session, const EndpointCreate& request,
                                         const EndpointPlan& plan);
  Endpoint& publish(Reserved reserved);
  void set_ports(Endpoint& endpoint, const EndpointPlan& plan, const LocalAddress& address,
                 std::uint16_t udp_port);
  [[nodiscard]] std::optional<RequestError> make_keys(Endpoint& endpoint);
  void make_send_key(SrtpKeyBytes& key, crypto::SrtpProfile profile);
  void fill_slot(Endpoint& endpoint, const EndpointPlan& plan);
  [[nodiscard]] std::uint64_t latch_deadline_tsc() const;
  [[nodiscard]] std::optional<RequestError> connect_signalled(Endpoint& endpoint,
                                                              const EndpointConnect& request);
  [[nodiscard]] Result<std::unique_ptr<KeyExchange>> expand_fresh(const Endpoint& endpoint,
                                                                  const PeerPlan& plan);
  void apply(Endpoint& endpoint, PeerPlan plan, std::unique_ptr<KeyExchange> fresh);

  Context& context_;
  Routing& routing_;
  RemoteAddresses& remotes_;
  WebrtcTransport& webrtc_;
};

}  // namespace sluice::control
