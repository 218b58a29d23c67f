// punt: a packet that a worker hands up because it is not media: STUN, DTLS, ARP, neighbour discovery, ICMP.
// The control thread owns the mbuf from here and frees it with free_punt().
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/slot_ref.h"
#include "dataplane/wire/frame.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class PuntKind : std::uint8_t { kStun, kDtls, kArp, kIcmp, kIcmpv6 };

struct Punt {
  PuntKind kind{};
  std::uint16_t port_id = 0;  // DPDK port that it came in by
  // Whose port or 5-tuple it came to; invalid on a shared port that does not know the sender.
  SlotRef endpoint;
  rte_mbuf* mbuf = nullptr;
};

/// The whole frame. Control thread; valid until free_punt.
std::span<const std::uint8_t> punt_frame(const Punt& punt);
void free_punt(const Punt& punt);

}  // namespace sluice::dataplane
