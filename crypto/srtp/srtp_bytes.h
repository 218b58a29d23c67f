// srtp_bytes: the byte patterns that both engines use: words in network order, the lengths and flags of RTP,
// RTCP and SRTCP (RFC 3550, RFC 3711), and the comparison of tags. Pure functions, any thread.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::crypto {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::size_t kRtpHeaderLengthMin = 12;
inline constexpr std::size_t kRtcpHeaderLength = 8;  // SRTCP leaves these in clear
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

/// Whether two tags are equal, in a time that depends on `length` alone. REQUIRES: length is 4 to 16.
[[nodiscard]] inline bool equal_tags(const std::uint8_t* a, const std::uint8_t* b, std::size_t length) {
  assert(length >= 4 && length <= 16);
  const auto differences = [&]<class Word>(Word) {  // of the first and of the last bytes, which may overlap
    Word first[2], last[2];
    std::memcpy(&first[0], a, sizeof(Word));
    std::memcpy(&first[1], b, sizeof(Word));
    std::memcpy(&last[0], a + length - sizeof(Word), sizeof(Word));
    std::memcpy(&last[1], b + length - sizeof(Word), sizeof(Word));
    return std::uint64_t{(first[0] ^ first[1]) | (last[0] ^ last[1])};
  };
  std::uint64_t difference = length >= 8 ? differences(std::uint64_t{}) : differences(std::uint32_t{});
  // Keeps the compiler from making a comparison that stops early.
  asm volatile("" : "+r"(difference));
  return difference == 0;
}

}  // namespace sluice::crypto
