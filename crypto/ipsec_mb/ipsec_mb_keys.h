// ipsec_mb_keys: what ipsec_mb_engine keeps in the blocks of SrtpKeys. A block begins on a 64-byte boundary:
// the library needs that for its key structures and does not check it. Private to ipsec_mb_engine. Plain
// memory, any thread that may read the keys.
#pragma once

#include <intel-ipsec-mb.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/kernels/aes_gcm.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

/// AES_CM + HMAC-SHA1: the state of SHA-1 after the block key^ipad and after key^opad, and the round keys.
/// Only the library's bursts use the round keys. Our kernels make them anew from SrtpKeys::near, which for
/// RTP holds the key itself: a few cycles, for three cache lines less.
struct alignas(64) CounterKeys {
  std::array<std::uint8_t, std::size_t{11} * 16> round_keys;
  // Every packet reads this cache line as a whole.
  alignas(64) std::array<std::uint8_t, 20> inner;
  std::array<std::uint8_t, 20> outer;
};
static_assert(sizeof(CounterKeys) <= sizeof(SrtpKeys::Block));
// The powers end where the block of RTP ends. What follows in SrtpKeys may be read with them.
static_assert(sizeof(GcmPowers) <= sizeof(SrtpKeys::Block));
static_assert(offsetof(SrtpKeys, rtp) + sizeof(SrtpKeys::Block) + GcmPowers::kBehind <= sizeof(SrtpKeys));

static_assert(sizeof(gcm_key_data) <= sizeof(SrtpKeys::Block) && alignof(SrtpKeys::Block) == 64);

inline const CounterKeys& counter_keys(const SrtpKeys::Block& block) {
  return *reinterpret_cast<const CounterKeys*>(&block.bytes[sizeof block - sizeof(CounterKeys)]);
}
inline CounterKeys& counter_keys(SrtpKeys::Block& block) {
  return *reinterpret_cast<CounterKeys*>(&block.bytes[sizeof block - sizeof(CounterKeys)]);
}
inline const gcm_key_data* gcm_keys(const SrtpKeys::Block& block) {
  return reinterpret_cast<const gcm_key_data*>(block.bytes.data());
}
inline gcm_key_data* gcm_keys(SrtpKeys::Block& block) {
  return reinterpret_cast<gcm_key_data*>(block.bytes.data());
}
/// AES-128-GCM for our own kernel: SrtpKeys::near holds the key itself (KeyForm::kOwnGcm).
inline const GcmPowers& own_gcm_keys(const SrtpKeys::Block& block) {
  return *reinterpret_cast<const GcmPowers*>(&block.bytes[sizeof block - sizeof(GcmPowers)]);
}
inline GcmPowers& own_gcm_keys(SrtpKeys::Block& block) {
  return *reinterpret_cast<GcmPowers*>(&block.bytes[sizeof block - sizeof(GcmPowers)]);
}

inline constexpr std::size_t kCacheLine = 64;

inline void prefetch_lines(const void* from, std::size_t bytes) {
  const auto* at = static_cast<const std::uint8_t*>(from);
  for (std::size_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(at + i);
}

}  // namespace sluice::crypto
