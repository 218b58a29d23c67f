#include "crypto/aes_counter.h"

#include <immintrin.h>

#include "crypto/avx512.h"

namespace sluice::crypto {
namespace {

constexpr int kRounds = 10;
constexpr std::size_t kStep = 64;

// Block numbers are counted as little-endian words and turned into the big-endian one that ends each block.
SLUICE_AVX512_INLINE __m512i counters(__m512i numbers) {
  const __m512i to_end = _mm512_broadcast_i32x4(
      _mm_set_epi8(0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  return _mm512_shuffle_epi8(numbers, to_end);
}

}  // namespace

SLUICE_AVX512 void aes128_counter(const std::uint8_t* round_keys, CounterIv iv, const std::uint8_t* from,
                                  std::uint8_t* to, std::size_t length) {
  __m512i keys[kRounds + 1];
#pragma GCC unroll 11
  for (int i = 0; i <= kRounds; ++i)
    keys[i] = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(round_keys + 16 * i)));
  __m128i block = _mm_unpacklo_epi64(_mm_cvtsi64_si128(static_cast<long long>(iv.upper)),
                                     _mm_cvtsi64_si128(static_cast<long long>(iv.lower)));
  // Otherwise the compiler stores both halves and broadcasts the whole from memory, where the CPU waits for the
  // stores to retire: no packet would overlap with the one before, and each cost four times as much.
  asm("" : "+v"(block));
  const __m512i start = _mm512_xor_si512(_mm512_broadcast_i32x4(block), keys[0]);
  const __m512i four = _mm512_set1_epi32(4);
  __m512i numbers = _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0);
  for (std::size_t at = 0; at < length; at += kStep) {
    __m512i stream = _mm512_xor_si512(start, counters(numbers));
#pragma GCC unroll 9
    for (int i = 1; i < kRounds; ++i) stream = _mm512_aesenc_epi128(stream, keys[i]);
    stream = _mm512_aesenclast_epi128(stream, keys[kRounds]);
    const std::size_t left = length - at;
    const __mmask64 mask = _bzhi_u64(~0ull, static_cast<unsigned>(left < kStep ? left : kStep));
    _mm512_mask_storeu_epi8(to + at, mask, _mm512_xor_si512(stream, _mm512_maskz_loadu_epi8(mask, from + at)));
    numbers = _mm512_add_epi32(numbers, four);
  }
}

}  // namespace sluice::crypto
