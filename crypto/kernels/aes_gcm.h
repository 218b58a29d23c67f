// aes_gcm: AES-128-GCM over whole packets (NIST SP 800-38D, as RFC 7714 uses it).
//
// Why not the library's function: it is as fast on one long text, but it needs 48 powers of the hash key in
// memory. That is sixteen cache lines a packet where every packet has its own key. This kernel needs four
// lines or less, and makes the round keys itself (aes_round_keys).
//
// How it hashes: it splits the sum of GHASH over the quarters of a register, blocks 0, 4, 8, ... into the
// first quarter and so on. One power then serves all four quarters, and they are added only at the end.
// Sixteen blocks are multiplied by H^4 to H^16 before their sum is reduced once. The next sixteen are
// encrypted meanwhile: the CPU does not look far enough ahead to do both at once by itself.
//
// Needs cpu_has_avx512_lanes(). Pure functions, any thread. Their time depends on lengths alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/srtp/counter_iv.h"

namespace sluice::crypto {

/// Powers of the hash key, from the 24th down to the first. They have the form that multiplying needs: bytes
/// in reverse order, times x. Short packets need only the cache lines at the end. The first two lines are for
/// the last 255 bytes of some packets. REQUIRES: kBehind bytes behind the struct may be read.
struct alignas(64) GcmPowers {
  static constexpr std::size_t kBehind = 48;
  static constexpr std::size_t kCount = 24;
  std::array<std::array<std::uint8_t, 16>, kCount> descending;
};

/// `key` is the AES key, 16 bytes.
void make_gcm_powers(const std::uint8_t* key, GcmPowers& out);

/// One message. `from` and `to` may be the same memory. REQUIRES: aad_length >= 1 (it is an RTP header).
struct GcmText {
  const std::uint8_t* key;  // 16 bytes
  const GcmPowers* powers;
  CounterIv iv;  // gcm_iv()
  const std::uint8_t* aad;
  const std::uint8_t* from;
  std::uint8_t* to;
  std::uint32_t length;
  std::uint32_t aad_length;
};

inline constexpr std::size_t kGcmTagLength = 16;
using GcmTag = std::array<std::uint8_t, kGcmTagLength>;

/// Encrypts any number of messages, fastest in fours, and writes a tag for each. Touches no byte behind their
/// lengths.
void aes128_gcm_seal(std::span<const GcmText> texts, GcmTag* tags);
/// Decrypts, and writes the tags that are right. It does not know the tags that came: where one differs, the
/// caller throws the text away.
void aes128_gcm_open(std::span<const GcmText> texts, GcmTag* tags);

}  // namespace sluice::crypto
