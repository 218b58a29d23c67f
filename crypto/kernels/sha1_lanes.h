// sha1_lanes: HMAC-SHA1 (RFC 2104, FIPS 180-4) of up to thirty-two messages at once, as SRTP authenticates
// packets: a word that is hashed but not sent follows each message (RFC 3711 4.2). Each message has one
// 32-bit lane of two groups of 512-bit registers.
//
// A pass costs the same for one message as for sixteen. Seventeen to thirty-two messages cost 1.35 times
// that. A group costs as much as its longest message needs, so give messages in the order of their lengths.
//
// Needs cpu_has_avx512_lanes(). Pure function, any thread. Its time depends on lengths alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::crypto {

inline constexpr std::size_t kSha1Lanes = 32;

struct LaneMessage {
  const std::uint8_t* data;
  /// The five state words of SHA-1 after the block key^ipad, and right behind them those after key^opad.
  /// REQUIRES: 64 bytes may be read here.
  const std::uint8_t* states;
  std::uint32_t length;  // bytes of data
  std::uint32_t word;    // hashed after data, in network byte order
};

using LaneTag = std::array<std::uint8_t, 16>;

/// The first 16 bytes of each message's HMAC. REQUIRES: 1 to kSha1Lanes messages, of lengths up to 65,535.
void hmac_sha1(std::span<const LaneMessage> messages, LaneTag* tags);

}  // namespace sluice::crypto
