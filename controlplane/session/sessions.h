// sessions: the registry and life cycle of sessions, endpoints and routes; the sole user of the workers'
// mailboxes. It allocates slots and ports, fills slots, expands keys, feeds punts to ICE and DTLS, and
// follows the teardown order: close_notify and BYE while transmit is live, remove, wait for the ack, wipe
// keys, free port and slot.
//
// Control thread only; nothing here blocks. Requests that must wait for a worker's ack call `done` later,
// from poll(), or at once when there is nothing to wait for. A `done` may make further requests; an event
// sink may not.
//
// What is decided here beyond docs/api.md:
//
// An id is free again once its object is gone from the worker; asking for it before is
// ErrorKind::kWrongState.
//
// A peer that fails in DTLS, or whose keys cannot be installed, leaves its endpoint `failed` and inert,
// until it is removed or has been there for limits.idle_timeout_s (then with reason `failed`). Keys that
// cannot be installed at the creation of an sdes endpoint refuse it.
//
// Every SSRC sent to an endpoint is remembered with its next packet index for as long as the endpoint
// lives, 4 times limits.routes_per_endpoint of them. Past that a route that leaves the SSRC to us
// continues the longest rested one, and one that names a fresh SSRC is refused. Across endpoints nothing
// is remembered: a sendKey that the operator gives must never have been used before.
//
// A new session goes to the least loaded worker, and is refused when that one is above
// limits.worker_load_percent. What belongs to a session that was admitted is taken whatever the load.
//
// Idle: see idle_watch.h. Limits that a refusal may name: sessions, worker_load_percent,
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
#include "controlplane/session/result.h"
#include "controlplane/session/totals.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

class Sessions {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(std::optional<RequestError>)>;
  using Options = SessionOptions;
  using Totals = control::Totals;

  /// `plane` outlives this. `engine` is the control thread's own instance, of the kind that the workers use.
  Sessions(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine);
  ~Sessions();

  [[nodiscard]] Result<Created<SessionView>> create_session(const std::string& id);
  [[nodiscard]] Result<Created<EndpointView>> create_endpoint(const EndpointCreate& request);
  [[nodiscard]] Result<EndpointView> connect_endpoint(const EndpointConnect& request);
  [[nodiscard]] Result<Created<RouteView>> create_route(const RouteCreate& request);
  [[nodiscard]] Result<RouteView> switch_route(const RouteSwitch& request);
  void remove_session(const std::string& id, Done done);
  void remove_endpoint(const std::string& session, const std::string& id, Done done);
  void remove_route(const std::string& session, const std::string& id, Done done);

  std::vector<SessionView> list_sessions() const;
  [[nodiscard]] Result<SessionView> get_session(const std::string& id) const;
  [[nodiscard]] Result<std::vector<EndpointView>> list_endpoints(
      const std::string& session) const;  // "" = all
  [[nodiscard]] Result<EndpointView> get_endpoint(const std::string& session, const std::string& id) const;
  [[nodiscard]] Result<std::vector<RouteView>> list_routes(const std::string& session) const;
  [[nodiscard]] Result<RouteView> get_route(const std::string& session, const std::string& id) const;
  [[nodiscard]] Result<std::vector<StreamView>> list_streams(const std::string& session,
                                                             const std::string& endpoint) const;

  struct UdpPortView {
    std::uint16_t udp_port;
    std::string session, endpoint;
    std::string component;  // "rtp", "rtcp", "rtp+rtcp", "ice" (shared)
  };
  struct MediaPortsView {
    std::uint16_t min, max;
    std::size_t allocated, free;
    std::vector<UdpPortView> ports;
  };
  MediaPortsView list_udp_ports() const;

  struct WorkerLoad {
    std::size_t endpoints, routes, streams, sessions;
    LoadMeter::Reading reading;
    std::optional<double> capacity_left_pps;  // until limits.worker_load_percent
  };
  WorkerLoad worker_load(std::size_t worker) const;

  Totals totals() const;

  /// Drains notes and punts of all workers, retries pending commands. Call after every wake-up; false when
  /// there may be more.
  [[nodiscard]] bool poll(Clock::time_point now);
  /// Timers: DTLS retransmission, ICE consent, idle reclaim, neighbours, bit rates. Returns when it wants to
  /// be called next.
  Clock::time_point tick(Clock::time_point now);

  /// From now on. REQUIRES: `config` differs from the present one in live keys only (config/reload.h).
  void reconfigure(const config::Config& config);

  /// Orderly end: refuses new objects, tears everything down; `done` when every worker has acked everything.
  void shut_down(std::function<void()> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::control
