// sessions: the interface of the session layer: the life of sessions, endpoints and routes. Only this layer
// uses the workers' mailboxes. It allocates slots and UDP ports, fills slots, expands keys, and gives punts
// to ICE, DTLS and the neighbours. It tears down in the order of docs/architecture.md: close_notify and BYE
// while transmit is live; remove; wait for the acknowledgement; wipe keys; free UDP port and slot.
//
// Control thread only; no function blocks. A removal calls `done` when the worker has acknowledged it: later,
// from poll(), or at once when there is nothing to wait for. `done` may make further requests;
// SessionOptions::on_event must not.
//
// Rules beyond docs/api.md:
//
// An id is free again when the worker has acknowledged the removal of its object. A creation with that id
// before then gets ErrorKind::kWrongState.
//
// If DTLS fails before the keys are ready, or the keys cannot be installed, the endpoint becomes `failed`. It
// stays without function until it is removed, or until limits.idle_timeout_s has passed (then it is removed
// with reason `failed`). A DTLS failure while the keys are in use removes the endpoint. If the keys of an
// sdes endpoint cannot be installed, its creation is refused.
//
// Every SSRC sent to an encrypted endpoint is remembered with its next packet index for as long as the
// endpoint lives, up to 4 times limits.routes_per_endpoint of them (outgoing_ssrcs.h). Past that a route
// without a given SSRC reuses the remembered SSRC that has been unused for longest, and a route with a new
// SSRC is refused. Endpoints share no such memory: a sendKey that the operator gives must never have been
// used before.
//
// A new session goes to the least loaded worker. It is refused when the load of that worker is above
// limits.worker_load_percent. Endpoints and routes of an admitted session are not refused for load.
//
// Idle reclaim: see idle_watch.h. An error of kLimitReached names one of: sessions, worker_load_percent,
// endpoints_per_worker, media_ports, routes_per_worker, routes_per_endpoint, outgoing_ssrcs_per_endpoint.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/session/load_meter.h"
#include "controlplane/session/media_plane.h"
#include "controlplane/session/model.h"
#include "controlplane/session/options.h"
#include "controlplane/session/page.h"
#include "controlplane/session/result.h"
#include "controlplane/session/totals.h"
#include "controlplane/session/udp_ports.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

class Sessions {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(std::optional<RequestError>)>;
  using Options = SessionOptions;
  using Totals = control::Totals;

  /// `plane` outlives this object. `engine` is an instance for the control thread alone, of the same kind as
  /// the workers' engines.
  Sessions(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine);
  ~Sessions();

  /// A creation with the id and the parameters of an existing object returns that object. An empty id: the
  /// daemon makes one.
  [[nodiscard]] Result<Created<SessionView>> create_session(const SessionCreate& request);
  /// Renews the lease and counts as a sign of life.
  [[nodiscard]] Result<SessionView> renew_session(const SessionRenew& request);
  [[nodiscard]] Result<Created<EndpointView>> create_endpoint(const EndpointCreate& request);
  [[nodiscard]] Result<EndpointView> connect_endpoint(const EndpointConnect& request);
  [[nodiscard]] Result<Created<RouteView>> create_route(const RouteCreate& request);
  [[nodiscard]] Result<RouteView> switch_route(const RouteSwitch& request);
  /// `done` gets nullopt when the object is gone, or the error kNotFound at once.
  void remove_session(const std::string& id, Done done);
  void remove_endpoint(const std::string& session, const std::string& id, Done done);
  void remove_route(const std::string& session, const std::string& id, Done done);

  /// One page of a list (page.h). An unknown id gives kNotFound.
  [[nodiscard]] Result<Page<SessionView>> list_sessions(const SessionList& request) const;
  [[nodiscard]] Result<SessionView> get_session(const std::string& id) const;
  [[nodiscard]] Result<Page<EndpointView>> list_endpoints(const EndpointList& request) const;
  [[nodiscard]] Result<EndpointView> get_endpoint(const std::string& session, const std::string& id) const;
  [[nodiscard]] Result<Page<RouteView>> list_routes(const RouteList& request) const;
  [[nodiscard]] Result<RouteView> get_route(const std::string& session, const std::string& id) const;
  [[nodiscard]] Result<Page<StreamView>> list_streams(const StreamList& request) const;
  [[nodiscard]] Result<Page<UdpPortView>> list_udp_ports(const PortList& request) const;
  [[nodiscard]] Result<Page<NeighborView>> list_neighbors(const NeighborList& request) const;
  /// REQUIRES: the index of a network port.
  [[nodiscard]] LinkView link(std::size_t port_index) const;
  [[nodiscard]] std::size_t session_count() const;

  struct MediaPorts {
    std::uint16_t min = 0, max = 0;
    std::size_t allocated = 0, free = 0;  // over all addresses
    std::vector<UdpPorts::Use> addresses{};
  };
  MediaPorts media_ports() const;

  struct WorkerLoad {
    std::size_t endpoints, routes, streams, sessions;
    LoadMeter::Reading reading;
    std::optional<double> capacity_left_pps;  // that may be added below limits.worker_load_percent
  };
  WorkerLoad worker_load(std::size_t worker) const;

  Totals totals() const;

  /// Takes notes and punts of all workers, and sends waiting commands. Call it after every wake-up of the
  /// control thread. False when there may be more.
  [[nodiscard]] bool poll(Clock::time_point now);
  /// Timers: DTLS retransmission, ICE consent, idle reclaim, neighbours, bit rates, load. Returns when to
  /// call it again.
  Clock::time_point tick(Clock::time_point now);

  /// Uses `config` from now on. REQUIRES: `config` differs from the present one in live keys only
  /// (config/reload.h).
  void reconfigure(const config::Config& config);

  /// Refuses new objects and removes every session. Calls `done` when the workers have acknowledged all
  /// removals.
  void shut_down(std::function<void()> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::control
