// endpoint_kind: what kinds of peers there are, and when media may move where we send to. Values that the
// API, the control plane and the workers share; no slot layout. Any thread.
#pragma once

#include <cstdint>

namespace sluice::dataplane {

enum class EndpointKind : std::uint8_t { kRtp, kSdes, kWebrtc };

/// When media may move the address that we send to.
enum class LatchPolicy : std::uint8_t {
  kFixed,  // never: the signalled (or ICE-nominated) address; for kRtp media from elsewhere is dropped
  kOnce,   // plain RTP: the first packet from latch_network before latch_deadline_tsc, then never again
  kAuthenticated,  // SRTP: whenever a packet from elsewhere authenticates and is the newest of its stream
};

}  // namespace sluice::dataplane
