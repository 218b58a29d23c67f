// cached_flow: what the worker knows in advance of the next RTP packet of an endpoint: the bytes that its
// frame begins with, and the bytes that it leaves with. One compare then takes the place of parsing and
// look-ups (stages/flow_cache.h). Worker only.
//
// A flow is a copy of facts that slots hold. It counts as long as the sender's slot says `has_cached_flow`,
// and the receiver's `send_version` is that of the flow. What changes one of these facts calls
// forget_flows().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/shared/endpoint_slot.h"
#include "dataplane/wire/frame.h"
#include "dataplane/wire/rtp.h"

namespace sluice::dataplane {

/// The flow of an endpoint whose packets come by IPv4 without options, leave by IPv4 by a single route, and
/// have an RTP header of 12 bytes.
struct alignas(64) CachedFlow {
  static constexpr std::size_t kHeaders = CommonFrame::kPayloadOffset + kRtpFixedHeader;

  /// What the headers must be, under the mask of stages/flow_cache.cc.
  std::array<std::uint8_t, kHeaders> expected;
  std::uint16_t longest;  // bytes behind the RTP header of a packet that still fits the receiver's port
  std::uint32_t stream;
  std::uint32_t route;

  // The second line.
  /// The headers as they leave, up to the RTP header: lengths and checksums zero.
  std::array<std::uint8_t, CommonFrame::kPayloadOffset> image;
  std::uint8_t payload_type;  // outgoing
  bool seals;                 // the receiver is encrypted
  std::uint8_t pending;       // packets of the present batch that are with the cipher
  bool was_refused;           // a packet of the stream was, since the last good one
  std::uint32_t address_sum;  // of the UDP pseudo header
  std::uint32_t version;      // EndpointSlot::send_version of the receiver
  std::uint32_t receiver;
  std::uint32_t ssrc;  // outgoing
};
static_assert(sizeof(CachedFlow) == 128 && offsetof(CachedFlow, image) == 64);

/// How this endpoint sends, or from where it is heard, changes: flows from it and to it are learnt again.
inline void forget_flows(EndpointSlot& endpoint) {
  endpoint.has_cached_flow = false;
  ++endpoint.send_version;
}

}  // namespace sluice::dataplane
