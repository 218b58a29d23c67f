// aes_round_keys: the round keys of four AES-128 keys at once (FIPS 197 5.2), and counter blocks for them.
// Each key has one quarter of the registers. Kept in memory the round keys would be three cache lines a key;
// made anew they are some 80 instructions for four packets.
//
// Private to the kernels, like avx512.h. Pure functions, any thread.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "crypto/kernels/avx512.h"
#include "crypto/srtp/counter_iv.h"

namespace sluice::crypto {

inline constexpr int kAesRounds = 10;

struct alignas(64) FourRoundKeys {
  __m512i of[kAesRounds + 1];
};

// The key schedule transforms the last word of a round key. The last round of AES does the same
// transformation when that word, rotated, stands in all four columns.
SLUICE_AVX512_INLINE void expand_four(const std::uint8_t* const (&keys)[4], FourRoundKeys& out) {
  const auto load = [](const std::uint8_t* key)
                        SLUICE_AVX512 { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(key)); };
  const __m512i last_word_rotated = _mm512_set1_epi32(0x0c0f0e0d);
  constexpr std::uint8_t kRcon[kAesRounds] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
  __m512i key = _mm512_castsi128_si512(load(keys[0]));
  key = _mm512_inserti32x4(key, load(keys[1]), 1);
  key = _mm512_inserti32x4(key, load(keys[2]), 2);
  key = _mm512_inserti32x4(key, load(keys[3]), 3);
  out.of[0] = key;
#pragma GCC unroll 10
  for (int round = 0; round < kAesRounds; ++round) {
    const __m512i word = _mm512_aesenclast_epi128(_mm512_shuffle_epi8(key, last_word_rotated),
                                                  _mm512_set1_epi32(kRcon[round]));
    key = _mm512_xor_si512(key, _mm512_bslli_epi128(key, 4));
    key = _mm512_ternarylogic_epi32(key, _mm512_bslli_epi128(key, 8), word, 0x96);
    out.of[round + 1] = key;
  }
}

// The round keys of one of the four keys, repeated in all quarters.
struct RoundKeys {
  __m512i of[kAesRounds + 1];
};

// Reads memory: a load into all quarters is as quick as any load, and the shuffle unit has enough to do.
SLUICE_AVX512_INLINE void pick(const FourRoundKeys& all, std::size_t quarter, RoundKeys& out) {
#pragma GCC unroll 11
  for (int i = 0; i <= kAesRounds; ++i)
    out.of[i] =
        _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(&all.of[i]) + quarter));
}

// For callers where the compiler knows the quarter and the shuffle unit is idle: a cycle or two less at 160
// to 320 bytes.
template <int quarter>
SLUICE_AVX512_INLINE void pick(const FourRoundKeys& all, RoundKeys& out) {
#pragma GCC unroll 11
  for (int i = 0; i <= kAesRounds; ++i)
    out.of[i] = _mm512_shuffle_i32x4(all.of[i], all.of[i], quarter * 0x55);
}

// `stream` is already xor the first round key.
template <class Keys>
SLUICE_AVX512_INLINE __m512i encrypt_blocks(const Keys& keys, __m512i stream) {
#pragma GCC unroll 9
  for (int i = 1; i < kAesRounds; ++i) stream = _mm512_aesenc_epi128(stream, keys.of[i]);
  return _mm512_aesenclast_epi128(stream, keys.of[kAesRounds]);
}

// Turns block numbers into counter blocks. In: each quarter has its number as a little-endian word at the
// front. Out: the number is the big-endian word at the end.
SLUICE_AVX512_INLINE __m512i counters(__m512i numbers) {
  const __m512i to_end =
      _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  return _mm512_shuffle_epi8(numbers, to_end);
}

SLUICE_AVX512_INLINE __m512i block_numbers(int first) {
  return _mm512_set_epi32(0, 0, 0, first + 3, 0, 0, 0, first + 2, 0, 0, 0, first + 1, 0, 0, 0, first);
}

SLUICE_AVX512_INLINE __m128i block_of(const CounterIv& iv) {
  __m128i block = _mm_unpacklo_epi64(_mm_cvtsi64_si128(static_cast<long long>(iv.upper)),
                                     _mm_cvtsi64_si128(static_cast<long long>(iv.lower)));
  // Without this line the compiler stores both halves and broadcasts the whole from memory. The CPU would
  // wait for the stores to retire, so no packet would overlap with the one before: each would cost four times
  // as much.
  asm("" : "+v"(block));
  return block;
}

SLUICE_AVX512_INLINE __m512i four_blocks(const CounterIv& a, const CounterIv& b, const CounterIv& c,
                                         const CounterIv& d) {
  __m512i blocks = _mm512_castsi128_si512(block_of(a));
  blocks = _mm512_inserti32x4(blocks, block_of(b), 1);
  blocks = _mm512_inserti32x4(blocks, block_of(c), 2);
  return _mm512_inserti32x4(blocks, block_of(d), 3);
}

// The first `left` bytes of a register, or all.
SLUICE_AVX512_INLINE __mmask64 first_bytes(std::size_t left) {
  return _bzhi_u64(~0ull, static_cast<unsigned>(left < 64 ? left : 64));
}

}  // namespace sluice::crypto
