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
/// By value it goes in two registers: as one piece of memory it would be read before both halves are there.
struct CounterIv {
  std::uint64_t upper;  // bytes 0..7 as they lie in memory
  std::uint64_t lower;  // bytes 8..15
};

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
/// 31-bit index, is the same with the upper bits of the index zero. The counter that ends the block is zero.
inline CounterIv gcm_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc, std::uint64_t index) {
  std::uint32_t lower = 0;
  CounterIv iv;
  std::memcpy(&iv.upper, salt.data(), 8);
  std::memcpy(&lower, salt.data() + 8, 4);
  iv.upper ^= __builtin_bswap64((std::uint64_t{ssrc} << 16) | (index >> 32));
  iv.lower = lower ^ __builtin_bswap32(static_cast<std::uint32_t>(index));
  return iv;
}

/// The same in memory: 12 bytes.
inline void write_gcm_iv(const std::array<std::uint8_t, 14>& salt, std::uint32_t ssrc, std::uint64_t index,
                         std::uint8_t* iv) {
  const CounterIv block = gcm_iv(salt, ssrc, index);
  std::memcpy(iv, &block.upper, 8);
  std::memcpy(iv + 8, &block.lower, 4);
}

/// In time that depends on `length`, 4 to 16, alone.
inline bool equal_tags(const std::uint8_t* a, const std::uint8_t* b, std::size_t length) {
  const auto differences = [&]<class Word>(Word) {  // in the first and in the last bytes, which may overlap
    Word first[2], last[2];
    std::memcpy(&first[0], a, sizeof(Word));
    std::memcpy(&first[1], b, sizeof(Word));
    std::memcpy(&last[0], a + length - sizeof(Word), sizeof(Word));
    std::memcpy(&last[1], b + length - sizeof(Word), sizeof(Word));
    return std::uint64_t{(first[0] ^ first[1]) | (last[0] ^ last[1])};
  };
  std::uint64_t difference = length >= 8 ? differences(std::uint64_t{}) : differences(std::uint32_t{});
  asm volatile("" : "+r"(difference));  // what is above may not become a comparison that stops early
  return difference == 0;
}

}  // namespace sluice::crypto
