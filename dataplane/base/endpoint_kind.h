// endpoint_kind: the kinds of endpoints, and when media may change the address that we send to. The API, the
// control plane and the workers share these values. Plain values, any thread.
#pragma once

#include <cstdint>

namespace sluice::dataplane {

enum class EndpointKind : std::uint8_t { kRtp, kSdes, kWebrtc };

/// When received media may change the address that we send to.
enum class LatchPolicy : std::uint8_t {
  kFixed,  // never: it is the signalled or ICE-nominated address. kRtp drops media from elsewhere
  kOnce,   // plain RTP: with the first packet from latch_network before latch_deadline_tsc, then never again
  kAuthenticated,  // SRTP: whenever a packet from elsewhere authenticates and is the newest of its stream
  kNominated,  // kWebrtc, between worker and control thread: with the first authentic packet from one address
};

}  // namespace sluice::dataplane
