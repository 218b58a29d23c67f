// counter_iv: the initialisation vectors of SRTP as the AES kernels take them (RFC 3711 4.1.1, RFC 7714 8.1
// and 9.1). Pure functions, any thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::crypto {

static_assert(std::endian::native == std::endian::little);

/// The first block of a packet, 16 bytes. Passed by value it takes two registers: as one piece of memory the
/// CPU would read it before both halves are there.
struct CounterIv {
  std::uint64_t upper;  // bytes 0..7 as they lie in memory
  std::uint64_t lower;  // bytes 8..15
};

/// AES-CM: salt xor SSRC at bytes 4..7 xor the 48-bit index at bytes 8..13. Bytes 14 and 15 count blocks and
/// are zero. An SRTCP index is a 48-bit index whose upper 17 bits are zero.
inline CounterIv counter_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc,
                            std::uint64_t index) {
  CounterIv iv;
  std::memcpy(&iv.upper, salt.data(), 8);
  std::memcpy(&iv.lower, salt.data() + 6, 8);  // six bytes would be put together on the stack, which is slow
  iv.upper ^= __builtin_bswap64(ssrc);
  iv.lower = (iv.lower >> 16) ^ __builtin_bswap64(index << 16);
  return iv;
}

/// AEAD: 00 00 || SSRC || 48-bit index, xor the 12-byte salt. The SRTCP form, 00 00 || SSRC || 00 00 ||
/// 31-bit index, is the same with the upper bits of the index zero. The last four bytes count blocks and are
/// zero.
inline CounterIv gcm_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc, std::uint64_t index) {
  std::uint32_t lower = 0;
  CounterIv iv;
  std::memcpy(&iv.upper, salt.data(), 8);
  std::memcpy(&lower, salt.data() + 8, 4);
  iv.upper ^= __builtin_bswap64((std::uint64_t{ssrc} << 16) | (index >> 32));
  iv.lower = lower ^ __builtin_bswap32(static_cast<std::uint32_t>(index));
  return iv;
}

/// The first 12 bytes of gcm_iv() in memory, as libraries take them.
inline void write_gcm_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc, std::uint64_t index,
                         std::uint8_t* iv) {
  const CounterIv block = gcm_iv(salt, ssrc, index);
  std::memcpy(iv, &block.upper, 8);
  std::memcpy(iv + 8, &block.lower, 4);
}

}  // namespace sluice::crypto
