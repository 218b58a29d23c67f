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
// An id is free again once its object is gone from the worker; asking for it before is kErrorState.
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
// Idle: see idle_watch.h. Limits that a refusal may name: sessions, worker_load_percent, endpoints_per_worker,
// media_ports, routes_per_worker, routes_per_endpoint, outgoing_ssrcs_per_endpoint.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "controlplane/dtls_context.h"
#include "controlplane/load_meter.h"
#include "controlplane/media_plane.h"
#include "controlplane/requests.h"
#include "crypto/srtp_engine.h"

namespace sluice::control {

template <typename T>
using Result = std::variant<T, RequestError>;

template <typename T>
struct Created {
  T object;
  bool created = true;  // false: it was there already, with the same parameters
};

class Sessions {
 public:
  using Clock = std::chrono::steady_clock;
  using EventSink = std::function<void(const Event&)>;
  using Done = std::function<void(std::optional<RequestError>)>;

  struct Options {
    config::Config config;
    std::vector<crypto::SrtpProfile> profiles;  // configured and self-tested, in order of preference
    std::shared_ptr<const DtlsContext> dtls;  // with the same profiles; nullptr: webrtc endpoints are refused
    EventSink on_event = {};
    std::function<void(std::span<std::uint8_t>)> random;  // cryptographic; injected for tests
    std::function<Clock::time_point()> clock = {};        // for requests; empty = Clock::now
  };

  /// `plane` outlives this. `engine` is the control thread's own instance, of the kind that the workers use.
  Sessions(Options options, MediaPlane& plane, std::unique_ptr<crypto::SrtpEngine> engine);
  ~Sessions();

  Result<Created<SessionView>> create_session(const std::string& id);
  Result<Created<EndpointView>> create_endpoint(const EndpointCreate& request);
  Result<EndpointView> connect_endpoint(const EndpointConnect& request);
  Result<Created<RouteView>> create_route(const RouteCreate& request);
  Result<RouteView> switch_route(const RouteSwitch& request);
  void remove_session(const std::string& id, Done done);
  void remove_endpoint(const std::string& session, const std::string& id, Done done);
  void remove_route(const std::string& session, const std::string& id, Done done);

  std::vector<SessionView> list_sessions() const;
  Result<SessionView> get_session(const std::string& id) const;
  Result<std::vector<EndpointView>> list_endpoints(const std::string& session) const;  // "" = all
  Result<EndpointView> get_endpoint(const std::string& session, const std::string& id) const;
  Result<std::vector<RouteView>> list_routes(const std::string& session) const;
  Result<RouteView> get_route(const std::string& session, const std::string& id) const;
  Result<std::vector<StreamView>> list_streams(const std::string& session, const std::string& endpoint) const;

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

  /// Counts for metrics and tests, since start but for pending_commands (now).
  struct Totals {
    std::uint64_t sessions_created = 0, sessions_removed = 0, sessions_idle_reclaimed = 0;
    std::uint64_t endpoints_created = 0, endpoints_removed = 0, endpoints_idle_reclaimed = 0,
                  endpoints_failed = 0;
    std::uint64_t routes_created = 0, routes_removed = 0;
    std::uint64_t pending_commands = 0;    // waiting now for room in a worker's ring
    std::uint64_t deferred_commands = 0;   // that ever had to wait
    std::uint64_t frames_dropped = 0;      // of ours, for want of a buffer or of room
    std::uint64_t datagrams_too_long = 0;  // of ours, longer than the port's MTU
    std::uint64_t ice_dropped = 0;         // STUN that nobody was asked for, or that did not hold
    std::uint64_t dtls_dropped = 0;        // DTLS from an address that STUN has not validated, or for nobody
    std::uint64_t stale_punts = 0;         // for an endpoint that is gone
    std::uint64_t stale_notes = 0;
  };
  Totals totals() const;

  /// Drains notes and punts of all workers, retries pending commands. Call after every wake-up; false when
  /// there may be more.
  bool poll(Clock::time_point now);
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
