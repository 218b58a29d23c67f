// aes_counter: AES-128 in counter mode as SRTP uses it (RFC 3711 4.1.1), four blocks in a 512-bit register. A voice
// packet of 60 bytes takes one pass of ten rounds; the CPU works on several packets at once by itself, since none
// waits for another. Needs cpu_has_avx512_lanes(). Pure function, any thread; time depends on the length alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/srtp_bytes.h"

namespace sluice::crypto {

/// Encrypts or, what is the same, decrypts `length` bytes (65,536 blocks at most) from `from` to `to`, which may be
/// one place. Touches no byte behind `length`. `round_keys`: 11 of 16 bytes, on a 16-byte boundary.
void aes128_counter(const std::uint8_t* round_keys, CounterIv iv, const std::uint8_t* from,
                    std::uint8_t* to, std::size_t length);

}  // namespace sluice::crypto
