// sha1_lanes: HMAC-SHA1 (RFC 2104, FIPS 180-4) of up to thirty-two messages at once, one in each 32-bit lane
// of two groups of 512-bit registers, as SRTP authenticates packets: each message is followed by a word that
// is hashed but not sent (RFC 3711 4.2). Needs cpu_has_avx512_lanes(). Pure function, any thread; time
// depends on lengths alone.
//
// A pass costs the same for one message as for sixteen, and 1.35 times that for seventeen as for thirty-two.
// A group costs as much as its longest message needs: give messages in the order of their lengths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::crypto {

inline constexpr std::size_t kSha1Lanes = 32;

struct LaneMessage {
  const std::uint8_t* data;
  /// SHA-1's five state words after the block key^ipad, and right behind them those after key^opad. 64
  /// bytes may be read there.
  const std::uint8_t* states;
  std::uint32_t length;  // of data; at most 65,535
  std::uint32_t word;    // hashed after data, in network byte order
};

using LaneTag = std::array<std::uint8_t, 16>;

/// The first 16 bytes of each message's HMAC. REQUIRES: 1 to kSha1Lanes messages, of lengths up to 65,535.
void hmac_sha1(std::span<const LaneMessage> messages, LaneTag* tags);

}  // namespace sluice::crypto
