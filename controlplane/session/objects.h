// objects: what the control thread knows of each session, endpoint, source and route. Plain records; the
// modules around them (endpoints, routing, webrtc_transport ...) do the work. Control thread only.
//
// Ownership: the registry owns sessions, a session owns its endpoints and routes, a worker's table owns
// sources. An object that is being removed stays where it is until its worker has acked, then all of it goes
// at once.
#pragma once

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/session/errors.h"
#include "controlplane/session/model.h"
#include "controlplane/session/outgoing_ssrcs.h"
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

/// What makes two sources of one endpoint the same.
struct SourceKey {
  std::optional<std::uint32_t> ssrc;
  std::vector<std::uint8_t> payload_types;
  std::string mid;
  std::uint32_t clock_rate = 0;
  auto operator<=>(const SourceKey&) const = default;
};

/// On the worker of its endpoint, its home, or the mirror of one there on a worker whose endpoints are sent
/// it.
struct Source {
  SourceKey key;
  Endpoint* endpoint = nullptr;
  std::size_t worker = 0;
  Source* home = nullptr;  // of a mirror
  dataplane::SlotRef ref;
  std::size_t routes = 0;  // that hang on it; for a home its mirrors count one each
};

/// Which source of an endpoint.
struct SourcePlace {
  const SourceKey& key;
  std::size_t worker;  // the endpoint's: the source itself; another: its mirror there
};

/// The sources of one endpoint, found by where they are and what they select. They hold their own keys.
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

/// Most endpoints have a route or two, a publisher many thousands: lists that need no memory of their own.
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
  bool retransmit = false;  // as asked for, or by default
  bool removing = false;
  std::vector<Done> done;
  RouteHook in_incoming, in_outgoing;
};
using IncomingRoutes =
    boost::intrusive::list<Route, boost::intrusive::member_hook<Route, RouteHook, &Route::in_incoming>>;
using OutgoingRoutes =
    boost::intrusive::list<Route, boost::intrusive::member_hook<Route, RouteHook, &Route::in_outgoing>>;

struct Endpoint {
  EndpointCreate request;  // as given; what an idempotent creation compares
  std::string id;
  Session* session = nullptr;
  std::size_t worker = 0;
  std::size_t block = 0;  // in Session::blocks
  dataplane::SlotRef ref;

  std::size_t port_index = 0;
  config::IpFamily family{};
  dataplane::LinkEnd local;  // with the RTP port
  std::uint16_t rtcp_port = 0;
  bool rtcp_mux = false;
  bool shared_port = false;
  dataplane::LatchPolicy latch{};
  std::uint32_t local_ssrc = 0;

  std::optional<RemoteAddress> remote;  // where we send now, as far as we know
  bool remote_signalled = false;        // by the operator: sending there counts as life
  bool remote_installed = false;        // the worker has a template for it

  std::optional<crypto::SrtpProfile> profile;
  SrtpKeyBytes send_key;  // sdes: given or made
  bool keys_ready = false;
  bool connected = false;  // the event was sent: keys and a remote are known

  bool failed = false;
  bool removing = false;  // no admission any more; the peer was told
  bool teardown = false;  // the worker was told
  bool acked = false;     // the worker let go of the slot
  std::string reason;     // of failed; then of the removal
  std::vector<Done> done;

  // Life, as the idle watch sampled it.
  TimePoint created_at;
  TimePoint last_alive;
  TimePoint last_flow;  // packets either way
  std::uint64_t seen_received_tsc = 0;
  std::uint64_t seen_sent = 0;
  bool ever_flowed = false;

  Sources sources;                // those that routes may join, and their mirrors on other workers
  std::size_t sources_dying = 0;  // removed, not yet acked
  IncomingRoutes incoming;        // routes that lead here
  OutgoingRoutes outgoing;        // routes that are fed from here
  std::unique_ptr<OutgoingSsrcs> ssrcs;
  std::unique_ptr<WebrtcPeer> webrtc;

  Endpoint();
  ~Endpoint();
};

struct Session {
  /// Endpoints that are placed together. A session begins with one block, on its own worker; a larger one has
  /// more (limits.session_block), each where there was room.
  struct Block {
    std::size_t worker = 0;
    std::size_t endpoints = 0;
  };

  /// Whether some endpoint may live there.
  [[nodiscard]] bool uses(std::size_t where) const {
    return std::any_of(blocks.begin(), blocks.end(),
                       [&](const Block& block) { return block.worker == where; });
  }

  std::string id;
  std::size_t worker = 0;
  std::vector<Block> blocks;
  std::string created_at;  // RFC 3339, UTC
  bool removing = false;
  std::string reason;
  std::vector<Done> done;
  std::map<std::string, std::unique_ptr<Endpoint>> endpoints;
  std::map<std::string, std::unique_ptr<Route>> routes;
  TimePoint empty_since;
  std::optional<std::list<Session*>::iterator> empty_entry;  // in Registry::empty_sessions()
};

}  // namespace sluice::control
