// latch: changes the address that we send to into the address that authentic media comes from, as far as the
// endpoint's policy allows. Worker only.
//
// IP address and UDP port alone decide. The MAC of a frame is that of the router that sent it, which may be
// one of several and need not be the one that we send by; the control thread finds the next hop.
//
// kFixed: what signalling says, and nothing else. Media from there is heard at once, also while the next hop
// to it is being asked for.
//
// kAuthenticated (SRTP): the address of the newest authentic packet. When signalling moves the peer, the
// address that authentic media still comes from stays: a private address in SDP cuts no call. It goes when
// the receive key changes with the address, or when no packet came for kFlowingMs.
//
// kOnce (plain RTP, where any host can forge a packet): within a window, the first source that is allowed;
// then no other one. The window opens with the endpoint, and again each time that signalling describes the
// peer while it has not latched, or moves it. Signalling that repeats the address of before changes nothing.
// While the window is open: 1. The signalled address is always heard, and wins against any other source. 2.
// The address of before the move is still heard. A packet from it brings what we send back to it, because
// the peer may be behind a NAT and only its SDP has changed. It does not end the latching. 3. Any other
// source, such as a new phone behind a NAT, latches when the address of before has been silent for
// kFormerQuietMs. So a stranger cannot take a call whose peer still speaks. RTCP follows the host of the
// RTP.
#pragma once

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// How long after its last packet a peer counts as sending.
inline constexpr std::uint64_t kFlowingMs = 2000;
inline constexpr std::uint64_t kFormerQuietMs = 500;

/// From now on the endpoint sends `component` with `header`. An unknown `header` stops the sending.
void aim(EndpointSlot& endpoint, Component component, const HeaderTemplate& header);
/// The control thread has found the way to an address: aim(), unless media has shown that the peer is at
/// another one.
void redirect(WorkerState& state, std::uint32_t slot, Component component, const HeaderTemplate& header);
/// Signalling has described the peer: takes the latch policy, and opens the latch as the rules above say.
void take_signalled(const WorkerState& state, EndpointSlot& endpoint, const EndpointTerms& terms);

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

/// The part of source_allowed() for a packet that does not come from the RTP remote.
[[nodiscard, gnu::noinline]] bool source_allowed_slowly(const WorkerState& state,
                                                        const EndpointSlot& endpoint,
                                                        const MediaPacket& packet);

/// Whether the packet may come from its address. Called before anything else is done with the packet, so that
/// a stranger costs little. Changes nothing. Of an encrypted endpoint the tag decides later; before that a
/// webrtc peer must have proven its address by ICE, and the strangers of an sdes endpoint have a budget
/// (note_stranger).
[[nodiscard]] inline bool source_allowed(const WorkerState& state, const MediaPacket& packet) {
  const EndpointSlot& endpoint = *packet.sender;
  if (packet.component == Component::kRtp && from_rtp_remote(endpoint, packet)) return true;
  return source_allowed_slowly(state, endpoint, packet);
}

/// A packet that source_allowed() let pass was not authentic. When it came from elsewhere than the known
/// address, it uses up a part of the endpoint's budget for strangers.
[[gnu::cold]] void note_stranger(const WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet);

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
  // A latched endpoint does not latch again, and source_allowed() refuses packets of other senders: all but
  // those from the signalled address.
  if (endpoint.latch == LatchPolicy::kOnce && packet.component == Component::kRtp && endpoint.rtp_latched &&
      from_rtp_remote(endpoint, packet))
    return;
  latch_slowly(state, endpoint, packet);
}

}  // namespace sluice::dataplane
