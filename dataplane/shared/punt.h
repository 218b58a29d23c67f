// punt: a packet that a worker hands up because it is not media: STUN, DTLS, ARP, neighbour discovery, ICMP.
// The control thread then owns the mbuf, and frees it with free_punt().
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/slot_ref.h"
#include "dataplane/wire/frame.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class PuntKind : std::uint8_t { kStun, kDtls, kArp, kIcmp, kIcmpv6 };

/// Packets of one class have a ring of their own, so that a flood of one class displaces no other.
enum class PuntClass : std::uint8_t {
  kPeer,      // STUN and DTLS from the address that an endpoint sends to, or from a bound 5-tuple
  kStranger,  // STUN and DTLS from elsewhere
  kLink,      // ARP and neighbour discovery
  kEcho,      // other ICMP and ICMPv6
};

struct Punt {
  PuntKind kind{};
  std::uint16_t port_id = 0;  // the DPDK port that received it
  // STUN and DTLS: the endpoint that has the local port or 5-tuple. Invalid for an unknown sender on a shared
  // port, and for ARP and ICMP.
  SlotRef endpoint;
  rte_mbuf* mbuf = nullptr;
};

/// The whole frame, valid until free_punt(). Control thread.
std::span<const std::uint8_t> punt_frame(const Punt& punt);
void free_punt(const Punt& punt);

}  // namespace sluice::dataplane
