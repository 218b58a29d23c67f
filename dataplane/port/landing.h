// landing: which receive queue of a port the hardware brings a local UDP port to. The arithmetic behind
// steering, in two forms: rules on a few low bits of the port number, and RSS on the destination port alone
// with a known key and table. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::dataplane {

/// A UDP destination port under a mask, both in host order, and where it goes.
struct PortRule {
  std::uint16_t value = 0;
  std::uint16_t mask = 0;
  std::uint16_t queue = 0;
};

/// The bits of a port number that say the queue: those just above the lowest, so that the RTP and RTCP ports
/// of a pair (RFC 3550 11) go together. As many as it takes to number `queues`.
std::uint16_t owner_mask(std::size_t queues);
/// The queue that the owner bits of `udp_port` say. Where the queues are no power of two some have two
/// values.
std::uint16_t owner_queue(std::uint16_t udp_port, std::size_t queues);
/// The n-th of the rules that say the same; there are owner_mask(queues) / 2 + 1 of them. REQUIRES: n is
/// less.
PortRule owner_rule(std::size_t n, std::size_t queues);

/// The Toeplitz hash of the two bytes of the destination port, in network order, and nothing else.
/// REQUIRES: a key of at least 8 bytes.
std::uint32_t hash_of_port(std::uint16_t udp_port, std::span<const std::uint8_t> key);
/// `table`: the redirection table, queue by hash. REQUIRES: a power of two of entries, and such a key.
std::uint16_t hashed_queue(std::uint16_t udp_port, std::span<const std::uint8_t> key,
                           std::span<const std::uint16_t> table);

}  // namespace sluice::dataplane
