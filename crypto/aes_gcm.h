// aes_gcm: AES-128-GCM over whole packets (NIST SP 800-38D, as RFC 7714 uses it). The library's function is
// as fast on one long text, but needs 48 powers of the hash key in memory: sixteen cache lines a packet where
// every packet has its own key. This one needs four lines or less, and makes the round keys itself
// (aes_round_keys).
//
// How the hash goes: GHASH's sum is split over the quarters of a register, blocks 0, 4, 8, ... into the first
// quarter and so on, so that one power serves all four and nothing is summed across them until the end.
// Sixteen blocks are multiplied (H^4 to H^16) before their sum is reduced once, while the next sixteen are
// encrypted: the CPU would not look far enough ahead to do both at once by itself.
//
// Needs cpu_has_avx512_lanes(). Pure functions, any thread; time depends on lengths alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/counter_iv.h"

namespace sluice::crypto {

/// Powers of the hash key, from the 24th down to the first, in the form in which they are multiplied by:
/// bytes in reverse, and times x. Short packets need but the lines at the end; the first two are for the last
/// 255 bytes of some.
/// REQUIRES of where they lie: kBehind bytes more that may be read.
struct alignas(64) GcmPowers {
  static constexpr std::size_t kBehind = 48;
  static constexpr std::size_t kCount = 24;
  std::array<std::array<std::uint8_t, 16>, kCount> descending;
};

void make_gcm_powers(const std::uint8_t* key, GcmPowers& out);

/// One message. `from` and `to` may be one place. REQUIRES: aad_length >= 1 (it is an RTP header).
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

using GcmTag = std::array<std::uint8_t, 16>;

/// Any number of messages, best in fours. Touches no byte behind their lengths.
void aes128_gcm_seal(std::span<const GcmText> texts, GcmTag* tags);
/// Decrypts whether or not the tag will be found right: where it is not, sealing again gives back every byte
/// that came.
void aes128_gcm_open(std::span<const GcmText> texts, GcmTag* tags);

}  // namespace sluice::crypto
