// packet_index: estimates the 48-bit SRTP index of a packet from its 16-bit sequence number (RFC 3711 3.3.1,
// appendix A). Pure functions, any thread.
#pragma once

#include <cassert>
#include <cstdint>

namespace sluice::crypto {

inline constexpr std::uint64_t kMaxPacketIndex = (std::uint64_t{1} << 48) - 1;

/// The roll-over counter of a packet index (RFC 3711 3.3.1).
constexpr std::uint32_t roll_over_counter(std::uint64_t index) {
  return static_cast<std::uint32_t>(index >> 16);
}

/// The index nearest to `highest` (the highest authenticated index so far, at most kMaxPacketIndex) whose low
/// 16 bits are `sequence`. The result is never below 0 or above 2^48-1. At ROC 0 a sequence number whose
/// nearest index is below 0 counts as ahead. At ROC 2^32-1 one whose nearest index is past the end counts as
/// behind.
constexpr std::uint64_t estimate_packet_index(std::uint64_t highest, std::uint16_t sequence) {
  assert(highest <= kMaxPacketIndex);
  // Nearly every packet is a little ahead of the last one.
  const auto ahead = static_cast<std::uint16_t>(sequence - static_cast<std::uint16_t>(highest));
  if (ahead < 0x4000 && highest + ahead <= kMaxPacketIndex) return highest + ahead;
  const auto roc = highest >> 16;
  const auto last = static_cast<std::uint16_t>(highest);
  std::uint64_t guess = roc;
  if (last < 0x8000) {
    if (sequence > last && static_cast<std::uint16_t>(sequence - last) > 0x8000 && roc > 0) guess = roc - 1;
  } else {
    if (static_cast<std::uint16_t>(last - 0x8000) > sequence && roc < 0xffffffffu) guess = roc + 1;
  }
  return (guess << 16) | sequence;
}

}  // namespace sluice::crypto
