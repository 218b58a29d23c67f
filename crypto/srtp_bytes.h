// srtp_bytes: the byte patterns that SRTP engines share: network-order words, initialisation vectors (RFC
// 3711 4.1.1, RFC 7714 8.1 and 9.1) and the comparison of tags. Pure functions, any thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::crypto {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::size_t kRtpHeaderLengthMin = 12;
inline constexpr std::size_t kRtcpHeaderLength = 8;  // what SRTCP leaves in clear
inline constexpr std::size_t kSrtcpWordLength = 4;   // E || index
inline constexpr std::uint32_t kSrtcpEncrypted = 0x80000000u;
inline constexpr std::uint32_t kMaxSrtcpIndex = 0x7fffffffu;

inline void store_be32(std::uint8_t* to, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof value);
}

inline std::uint32_t load_be32(const std::uint8_t* from) {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}

/// AES-CM: salt xor SSRC at bytes 4..7 xor the 48-bit index at bytes 8..13; bytes 14 and 15 count blocks. An
/// SRTCP index is a 48-bit index whose upper 17 bits are zero.
inline void write_counter_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc,
                             std::uint64_t index, std::uint8_t* iv) {
  std::uint64_t upper = 0;
  std::uint64_t lower = 0;
  std::memcpy(&upper, salt.data(), 8);
  std::memcpy(&lower, salt.data() + 8, 6);
  upper ^= __builtin_bswap64(ssrc);
  lower ^= __builtin_bswap64(index << 16);
  std::memcpy(iv, &upper, 8);
  std::memcpy(iv + 8, &lower, 8);
}

/// AEAD: 00 00 || SSRC || 48-bit index, xor the 12-byte salt. The SRTCP form, 00 00 || SSRC || 00 00 ||
/// 31-bit index, is the same with the upper bits of the index zero.
inline void write_gcm_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc, std::uint64_t index,
                         std::uint8_t* iv) {
  std::uint64_t upper = 0;
  std::uint32_t lower = 0;
  std::memcpy(&upper, salt.data(), 8);
  std::memcpy(&lower, salt.data() + 8, 4);
  upper ^= __builtin_bswap64((std::uint64_t{ssrc} << 16) | (index >> 32));
  lower ^= __builtin_bswap32(static_cast<std::uint32_t>(index));
  std::memcpy(iv, &upper, 8);
  std::memcpy(iv + 8, &lower, 4);
}

/// In time that depends on `length` alone.
inline bool equal_tags(const std::uint8_t* a, const std::uint8_t* b, std::size_t length) {
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < length; ++i) difference |= static_cast<std::uint32_t>(a[i] ^ b[i]);
  asm volatile("" : "+r"(difference));  // the loop above may not become one that stops early
  return difference == 0;
}

}  // namespace sluice::crypto
