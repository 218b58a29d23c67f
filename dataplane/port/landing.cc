#include "dataplane/port/landing.h"

#include <bit>
#include <cassert>

namespace sluice::dataplane {

std::uint16_t owner_mask(std::size_t queues) {
  return static_cast<std::uint16_t>((std::bit_ceil(queues) - 1) << 1);
}

std::uint16_t owner_queue(std::uint16_t udp_port, std::size_t queues) {
  return static_cast<std::uint16_t>(((udp_port & owner_mask(queues)) >> 1) % queues);
}

PortRule owner_rule(std::size_t n, std::size_t queues) {
  assert(n <= owner_mask(queues) / 2u);
  const auto value = static_cast<std::uint16_t>(n << 1);
  return {value, owner_mask(queues), owner_queue(value, queues)};
}

std::uint32_t hash_of_port(std::uint16_t udp_port, std::span<const std::uint8_t> key) {
  assert(key.size() >= 8);
  // If bit i of the input is set, counted from the left, the 32 key bits from bit i on are added (XOR).
  std::uint64_t window = 0;
  for (std::size_t i = 0; i < 8; ++i) window = window << 8 | key[i];
  std::uint32_t hash = 0;
  for (int bit = 15; bit >= 0; --bit, window <<= 1)
    if ((udp_port >> bit & 1) != 0) hash ^= static_cast<std::uint32_t>(window >> 32);
  return hash;
}

std::uint16_t hashed_queue(std::uint16_t udp_port, std::span<const std::uint8_t> key,
                           std::span<const std::uint16_t> table) {
  assert(std::has_single_bit(table.size()));
  return table[hash_of_port(udp_port, key) & (table.size() - 1)];
}

}  // namespace sluice::dataplane
