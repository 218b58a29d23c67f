// latch: changes the address that we send to into the address that authentic media comes from, as far as the
// endpoint's policy allows. Worker only.
//
// IP address and UDP port alone decide. The MAC of a frame is that of the router that sent it, which may be
// one of several and need not be the one that we send by; the control thread finds the next hop.
#pragma once

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// From now on the endpoint sends `component` with `header`. An unknown `header` stops the sending.
void aim(EndpointSlot& endpoint, Component component, const HeaderTemplate& header);

/// Whether the packet comes from the IP address and UDP port that the endpoint's RTP goes to. Reads only the
/// cache line of the slot that each incoming packet needs.
[[nodiscard]] inline bool from_rtp_remote(const EndpointSlot& endpoint, const Datagram& packet) {
  const std::uint8_t* ip = frame_of(packet) + packet.l3_offset;
  std::uint16_t port;
  std::memcpy(&port, frame_of(packet) + packet.l4_offset, sizeof port);
  if (endpoint.remote.port != port) return false;
  if (!packet.is_v6)
    return endpoint.remote_family == 4 && std::memcmp(endpoint.remote.ip.data(), ip + 12, 4) == 0;
  return endpoint.remote_family == 6 && std::memcmp(endpoint.remote.ip.data(), ip + 8, 16) == 0;
}

/// The part of source_allowed() for a plain packet that does not come from the RTP remote.
[[nodiscard, gnu::noinline]] bool source_allowed_slowly(const WorkerState& state,
                                                        const EndpointSlot& endpoint,
                                                        const MediaPacket& packet);

/// Whether the packet may come from its address. Called before anything else is done with the packet. Changes
/// nothing.
[[nodiscard]] inline bool source_allowed(const WorkerState& state, const MediaPacket& packet) {
  const EndpointSlot& endpoint = *packet.sender;
  if (endpoint.encrypted) return true;  // its tag decides later
  if (packet.component == Component::kRtp && from_rtp_remote(endpoint, packet)) return true;
  return source_allowed_slowly(state, endpoint, packet);
}

/// The part of latch() for packets that may change the address.
[[gnu::cold]] void latch_slowly(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet);

/// Sends to the packet's source from now on, if the policy allows it. REQUIRES: the packet is authentic or,
/// in plain RTP, allowed; an RTP packet is the newest of its stream.
inline void latch(WorkerState& state, const MediaPacket& packet) {
  EndpointSlot& endpoint = *packet.sender;
  if (endpoint.latch == LatchPolicy::kFixed) return;
  if (endpoint.latch == LatchPolicy::kAuthenticated && packet.component == Component::kRtp &&
      from_rtp_remote(endpoint, packet))
    return;
  // A latched endpoint does not latch again, and source_allowed() refuses packets of other senders.
  if (endpoint.latch == LatchPolicy::kOnce && packet.component == Component::kRtp && endpoint.rtp_latched)
    return;
  latch_slowly(state, endpoint, packet);
}

}  // namespace sluice::dataplane
