// landing: to which receive queue the hardware of a DPDK port delivers a local UDP port. The computation has
// two forms: rules on a few low bits of the port number, and RSS on the destination port alone, with a known
// key and table. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::dataplane {

/// A UDP destination port under a mask, both in host order, and the queue for it.
struct PortRule {
  std::uint16_t value = 0;
  std::uint16_t mask = 0;
  std::uint16_t queue = 0;
};

/// The bits of a port number that select the queue: enough bits to number `queues`, just above the lowest
/// bit. So the RTP and RTCP ports of a pair (RFC 3550 11) have the same queue.
std::uint16_t owner_mask(std::size_t queues);
/// The queue that these bits of `udp_port` select. When `queues` is not a power of two, some queues have two
/// values of the bits.
std::uint16_t owner_queue(std::uint16_t udp_port, std::size_t queues);
/// The rule for the n-th value of these bits. REQUIRES: n <= owner_mask(queues) / 2.
PortRule owner_rule(std::size_t n, std::size_t queues);

/// The Toeplitz hash of the two bytes of the destination port, in network order, and nothing else.
/// REQUIRES: a key of at least 8 bytes.
std::uint32_t hash_of_port(std::uint16_t udp_port, std::span<const std::uint8_t> key);
/// The queue that RSS selects. `table`: the redirection table, from hash to queue. REQUIRES: the size of
/// `table` is a power of two, and `key` has at least 8 bytes.
std::uint16_t hashed_queue(std::uint16_t udp_port, std::span<const std::uint8_t> key,
                           std::span<const std::uint16_t> table);

}  // namespace sluice::dataplane
