// totals: what the sessions have counted since the start, for metrics and tests. Control thread.
#pragma once

#include <cstdint>

namespace sluice::control {

struct Totals {
  std::uint64_t sessions_created = 0, sessions_removed = 0, sessions_idle_reclaimed = 0;
  std::uint64_t endpoints_created = 0, endpoints_removed = 0, endpoints_idle_reclaimed = 0,
                endpoints_failed = 0;
  std::uint64_t routes_created = 0, routes_removed = 0;
  std::uint64_t pending_commands = 0;    // waiting now for space in a worker's ring; the one that can fall
  std::uint64_t deferred_commands = 0;   // that ever had to wait
  std::uint64_t frames_dropped = 0;      // of ours, because no buffer or no space was left
  std::uint64_t datagrams_too_long = 0;  // of ours, longer than the port's MTU
  std::uint64_t ice_dropped = 0;         // STUN for no endpoint, or that failed its checks
  std::uint64_t dtls_dropped = 0;  // DTLS for no endpoint, or from an address that STUN has not validated
  std::uint64_t stale_punts = 0;   // for an endpoint that is gone
  std::uint64_t stale_notes = 0;
};

}  // namespace sluice::control
