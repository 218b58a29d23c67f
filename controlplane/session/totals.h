// totals: what Sessions has counted since the start, for metrics and tests. Plain values; control thread.
#pragma once

#include <cstdint>

namespace sluice::control {

struct Totals {
  std::uint64_t sessions_created = 0, sessions_removed = 0, sessions_idle_reclaimed = 0,
                sessions_lease_ended = 0;
  std::uint64_t endpoints_created = 0, endpoints_removed = 0, endpoints_idle_reclaimed = 0,
                endpoints_failed = 0;
  std::uint64_t routes_created = 0, routes_removed = 0;
  std::uint64_t pending_commands = 0;  // commands that wait for a ring now; the only value here that can fall
  std::uint64_t deferred_commands = 0;   // commands that had to wait
  std::uint64_t frames_dropped = 0;      // frames to send: no buffer, or a full queue
  std::uint64_t datagrams_too_long = 0;  // datagrams to send: longer than the port's MTU
  std::uint64_t path_mtu_lowered = 0;    // messages "too big" of routers that were followed
  std::uint64_t path_mtu_ignored = 0;    // and the others: of no path, too many, or not lower
  std::uint64_t ice_dropped = 0;         // STUN for no endpoint, or that failed its checks
  std::uint64_t ice_tuples_refused = 0;  // checks on a 5-tuple of a shared port that a live peer holds
  std::uint64_t dtls_dropped = 0;        // no endpoint, a failed one, or no validated address
  std::uint64_t stale_punts = 0;         // of an endpoint that is gone or being removed
  std::uint64_t stale_notes = 0;
};

}  // namespace sluice::control
