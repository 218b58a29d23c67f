// objects: what the control thread knows of each session, endpoint, source and route. Plain records; other
// modules (endpoints, routing, webrtc_transport ...) work on them. Control thread only.
//
// Ownership: the registry owns sessions. A session owns its endpoints and routes. WorkerRecords owns sources.
// An object that is being removed stays until its worker has acknowledged the removal; then the whole object
// is deleted.
#pragma once

#include <algorithm>
#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/session/errors.h"
#include "controlplane/session/key_exchange.h"
#include "controlplane/session/load_meter.h"
#include "controlplane/session/model.h"
#include "controlplane/session/outgoing_ssrcs.h"
#include "dataplane/base/own_address.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/route_slot.h"
#include "dataplane/wire/header_template.h"

namespace sluice::control {

using TimePoint = std::chrono::steady_clock::time_point;
using Done = std::function<void(std::optional<RequestError>)>;

struct Session;
struct Endpoint;
struct Source;
struct Route;
struct WebrtcPeer;

/// Two sources of one endpoint are the same when their keys are equal.
struct SourceKey {
  std::optional<std::uint32_t> ssrc;
  std::vector<std::uint8_t> payload_types;
  std::string mid;
  std::string rid;
  std::uint32_t clock_rate = 0;
  auto operator<=>(const SourceKey&) const = default;
};

/// A source on its endpoint's worker (its home), or a mirror of that source on another worker. A mirror
/// exists on each worker that has a route from the source.
struct Source {
  SourceKey key;
  Endpoint* endpoint = nullptr;
  std::size_t worker = 0;
  Source* home = nullptr;  // set in a mirror only
  dataplane::SlotRef ref;
  std::size_t routes = 0;  // routes that it feeds here; a home source also counts each mirror as one
};

/// Names a source of an endpoint: the home source when `worker` is the endpoint's worker, else the mirror on
/// `worker`.
struct SourcePlace {
  const SourceKey& key;
  std::size_t worker;
};

/// Orders the sources of one endpoint by worker and key. The set finds them by SourcePlace; the keys are
/// those in the sources.
struct BySourcePlace {
  using is_transparent = void;
  static SourcePlace place(const Source* source) { return {source->key, source->worker}; }
  static SourcePlace place(const SourcePlace& given) { return given; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    const SourcePlace one = place(a);
    const SourcePlace other = place(b);
    return one.worker != other.worker ? one.worker < other.worker : one.key < other.key;
  }
};
using Sources = std::set<Source*, BySourcePlace>;

/// Intrusive lists need no memory per list: most endpoints have one or two routes, but a publisher may have
/// thousands.
using RouteHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

struct Route {
  RouteCreate request;  // as given; what an idempotent creation compares
  std::unique_ptr<SourceSelector> switched_to;
  const SourceSelector& from() const { return switched_to ? *switched_to : request.from; }

  Session* session = nullptr;
  Endpoint* to = nullptr;
  Source* source = nullptr;
  dataplane::SlotRef ref;
  OutgoingSsrcs::Lease lease;
  bool retransmit = false;  // as requested, or the default
  bool removing = false;
  std::vector<Done> done;
  RouteHook in_incoming, in_outgoing;
};
using IncomingRoutes =
    boost::intrusive::list<Route, boost::intrusive::member_hook<Route, RouteHook, &Route::in_incoming>>;
using OutgoingRoutes =
    boost::intrusive::list<Route, boost::intrusive::member_hook<Route, RouteHook, &Route::in_outgoing>>;

/// SHA-256 of an SRTP master key and salt.
using KeyDigest = std::array<std::uint8_t, 32>;

struct Endpoint {
  EndpointCreate request;          // as given; what an idempotent creation compares
  dataplane::EndpointKind kind{};  // what the peer speaks now
  DtlsSetup setup{};               // of webrtc: sluice's role now
  std::string id;
  Session* session = nullptr;
  std::size_t worker = 0;
  std::size_t block = 0;  // index in Session::blocks
  dataplane::SlotRef ref;

  std::size_t port_index = 0;
  config::IpFamily family{};
  dataplane::LinkEnd local;               // MAC, IP address and RTP port
  dataplane::OwnAddress local_address{};  // the number of that IP address
  std::uint16_t rtcp_port = 0;
  bool rtcp_mux = false;
  bool port_pair = false;  // the UDP port above the RTP port is taken too, whether RTCP uses it or not
  bool shared_port = false;
  dataplane::LatchPolicy latch{};
  std::uint32_t local_ssrc = 0;

  std::optional<RemoteAddress> remote;  // the address that we send to now, as far as we know
  // What the operator named last. Packets that we send keep an endpoint alive whose address was signalled.
  std::optional<RemoteAddress> signalled;
  bool remote_installed = false;  // the worker has a header template for it

  // path_mtus: where RTP goes, the largest IP packet that passes, and until when that is believed.
  std::optional<config::SocketAddress> path;
  std::uint16_t path_mtu = 0;
  TimePoint path_mtu_until;
  TimePoint path_mtu_next;  // not lowered again before this

  std::optional<crypto::SrtpProfile> profile;
  SrtpKeyBytes send_key;     // of sdes: given in a request, or made
  SrtpKeyBytes receive_key;  // of sdes: empty while the peer's key is not known
  Mki receive_mki, send_mki;
  bool keys_ready = false;  // the worker has keys, or will have them by a command that was sent
  std::vector<KeyDigest> past_send_keys;
  // One for each kUpdateEndpoint that is not answered yet; nullptr where it carries no keys.
  std::vector<std::unique_ptr<KeyExchange>> updates;
  bool connected = false;  // EndpointConnected was sent: keys and a remote are known

  bool failed = false;
  bool removing = false;  // the removal has begun: no new peer, close_notify sent
  bool teardown = false;  // kRemoveEndpoint was sent
  bool acked = false;     // the worker has acknowledged the removal
  std::string reason;     // of the failure, later of the removal
  std::string text;       // of the failure
  std::vector<Done> done;

  std::optional<std::uint32_t> idle_timeout_s;  // of its own; unset: it lives with its session

  // What the idle watch saw when it last looked.
  TimePoint created_at;
  TimePoint last_alive;
  TimePoint last_flow;  // last time when packets flowed in or out
  std::uint64_t seen_received_tsc = 0;
  std::uint64_t seen_sent = 0;
  bool ever_flowed = false;
  bool is_warned = false;  // EndpointIdle was sent

  Sources sources;                // the sources in use, and their mirrors on other workers
  std::size_t sources_dying = 0;  // sources whose removal the worker has not yet acknowledged
  IncomingRoutes incoming;        // routes that lead here; those that are being removed stand at the end
  OutgoingRoutes outgoing;        // routes that are fed from here
  std::unique_ptr<OutgoingSsrcs> ssrcs;
  std::unique_ptr<WebrtcPeer> webrtc;

  Endpoint();
  ~Endpoint();
};

struct Session {
  /// Endpoints that are placed together on one worker. A session begins with one block on its own worker.
  /// When a block has limits.session_block endpoints, Placement adds another one.
  struct Block {
    std::size_t worker = 0;
    std::size_t endpoints = 0;
  };

  /// Whether a block of the session is on that worker.
  [[nodiscard]] bool uses(std::size_t where) const {
    return std::any_of(blocks.begin(), blocks.end(),
                       [&](const Block& block) { return block.worker == where; });
  }

  SessionCreate request;  // as given; what an idempotent creation compares
  std::string id;
  std::uint16_t flow = 0;  // sessions take turns at a full port (dataplane/state/transmit_queue.h)
  std::size_t worker = 0;
  std::vector<Block> blocks;
  TimePoint created;
  std::string created_at;  // the same, RFC 3339, UTC
  bool removing = false;
  std::string reason;
  LoadMeter::Share expected_load;
  std::vector<Done> done;
  std::map<std::string, std::unique_ptr<Endpoint>> endpoints;
  std::map<std::string, std::unique_ptr<Route>> routes;

  std::optional<std::uint32_t> idle_timeout_s;  // unset: limits.idle_timeout_s
  std::uint32_t lease_s = 0;                    // 0 = none
  TimePoint lease_until;
  bool is_warned = false;  // SessionExpiring was sent for this lease
  TimePoint last_alive;    // the last sign of life of any of its endpoints, or of the controller
  TimePoint empty_since;   // while it has no endpoints
};

/// Whether the removal of the object has begun. A route goes with the endpoints at its ends: it is being
/// removed from the moment on when one of them is.
inline bool is_being_removed(const Session& session) {
  return session.removing;
}
inline bool is_being_removed(const Endpoint& endpoint) {
  return endpoint.removing;
}
inline bool is_being_removed(const Route& route) {
  return route.removing || route.to->removing || route.source->endpoint->removing;
}

}  // namespace sluice::control
