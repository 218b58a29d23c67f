// latch: where we send follows where authentic media comes from, as far as the endpoint's policy allows.
// Worker only.
#pragma once

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// From now on the endpoint sends that component to where `header` leads.
void aim(EndpointSlot& endpoint, Component component, const HeaderTemplate& header);

/// Same IP address and UDP port as the ones that the endpoint's RTP goes to. Looks at the line of the slot
/// that every packet meets anyway.
[[nodiscard]] inline bool from_rtp_remote(const EndpointSlot& endpoint, const MediaPacket& packet) {
  const std::uint8_t* ip = frame_of(packet) + packet.l3_offset;
  std::uint16_t port;
  std::memcpy(&port, frame_of(packet) + packet.l4_offset, sizeof port);
  if (endpoint.remote.port != port) return false;
  if (!packet.is_v6)
    return endpoint.remote_family == 4 && std::memcmp(endpoint.remote.ip.data(), ip + 12, 4) == 0;
  return endpoint.remote_family == 6 && std::memcmp(endpoint.remote.ip.data(), ip + 8, 16) == 0;
}

[[nodiscard]] inline bool from_rtp_next_hop(const EndpointSlot& endpoint, const MediaPacket& packet) {
  const auto* from = frame_of(packet) + 6;
  return std::memcmp(endpoint.remote.mac.data(), from, 4) == 0 &&
         std::memcmp(endpoint.remote.mac.data() + 4, from + 4, 2) == 0;
}

[[nodiscard, gnu::noinline]] bool source_allowed_slowly(const WorkerState& state,
                                                        const EndpointSlot& endpoint,
                                                        const MediaPacket& packet);

/// Before anything else is done with a plain packet: may it come from there at all? Moves nothing.
[[nodiscard]] inline bool source_allowed(const WorkerState& state, const MediaPacket& packet) {
  const EndpointSlot& endpoint = *packet.sender;
  if (endpoint.encrypted) return true;  // the tag decides
  if (packet.component == Component::kRtp && from_rtp_remote(endpoint, packet)) return true;
  return source_allowed_slowly(state, endpoint, packet);
}

[[gnu::cold]] void latch_slowly(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet);

/// After the packet proved authentic (or, for plain RTP, allowed) and the newest of its stream.
inline void latch(WorkerState& state, const MediaPacket& packet) {
  EndpointSlot& endpoint = *packet.sender;
  if (endpoint.latch == LatchPolicy::kFixed) return;
  if (endpoint.latch == LatchPolicy::kAuthenticated && packet.component == Component::kRtp &&
      from_rtp_remote(endpoint, packet) && from_rtp_next_hop(endpoint, packet))
    return;
  // What has latched stays, and source_allowed() lets no other sender come this far.
  if (endpoint.latch == LatchPolicy::kOnce && packet.component == Component::kRtp && endpoint.rtp_latched)
    return;
  latch_slowly(state, endpoint, packet);
}

}  // namespace sluice::dataplane
