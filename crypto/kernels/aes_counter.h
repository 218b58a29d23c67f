// aes_counter: AES-128 in counter mode as SRTP uses it (RFC 3711 4.1.1), four blocks in a 512-bit register.
//
// A voice packet of 60 bytes takes one pass of ten rounds. The CPU works on several packets at once by
// itself, since no packet waits for another. The kernel makes the round keys of four packets at once, in
// registers (FIPS 197 5.2): kept in memory they would be three cache lines a key.
//
// Needs cpu_has_avx512_lanes(). Pure function, any thread. Its time depends on lengths alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/srtp/counter_iv.h"

namespace sluice::crypto {

/// Bytes of the longest message: what a 16-bit block number can count.
inline constexpr std::size_t kMaxCounterText = std::size_t{65536} * 16;

/// One message; encrypting and decrypting are the same. `length` bytes go from `from` to `to`. The two may be
/// the same memory. REQUIRES: length <= kMaxCounterText.
struct CounterText {
  const std::uint8_t* key;  // 16 bytes
  CounterIv iv;
  const std::uint8_t* from;
  std::uint8_t* to;
  std::size_t length;
};

/// Works on any number of messages, fastest in fours. Touches no byte behind their lengths.
void aes128_counter(std::span<const CounterText> texts);

}  // namespace sluice::crypto
