// neighbor_state: what is known of a station on the link. Plain values; any thread.
#pragma once

#include <cstdint>

namespace sluice::control {

enum class NeighborState : std::uint8_t {
  kAsking,     // all stations are asked
  kReachable,  // it has answered
  kPolling,    // it is asked whether it is still there
  kChecking,   // the same, since another station claims the address
  kFailed,     // no station answers; asked again later
};

}  // namespace sluice::control
