#include "crypto/aes_counter.h"

#include <immintrin.h>

#include "crypto/avx512.h"

namespace sluice::crypto {
namespace {

constexpr int kRounds = 10;
constexpr std::size_t kStep = 64;  // bytes: four blocks
constexpr std::size_t kKeys = 4;   // in a register

struct RoundKeys {
  __m512i of[kRounds + 1];
};

// Block numbers are counted as little-endian words and turned into the big-endian one that ends each block.
SLUICE_AVX512_INLINE __m512i counters(__m512i numbers) {
  const __m512i to_end =
      _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  return _mm512_shuffle_epi8(numbers, to_end);
}

// The round keys of four keys. The last round of AES does what the key schedule wants done to its last word,
// once that word, rotated, stands in all four columns.
SLUICE_AVX512_INLINE void expand(const CounterText* const (&texts)[kKeys], RoundKeys& out) {
  const auto load = [](const CounterText* text) SLUICE_AVX512 {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text->key));
  };
  const __m512i last_word_rotated = _mm512_set1_epi32(0x0c0f0e0d);
  constexpr std::uint8_t kRcon[kRounds] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
  __m512i key = _mm512_castsi128_si512(load(texts[0]));
  key = _mm512_inserti32x4(key, load(texts[1]), 1);
  key = _mm512_inserti32x4(key, load(texts[2]), 2);
  key = _mm512_inserti32x4(key, load(texts[3]), 3);
  out.of[0] = key;
#pragma GCC unroll 10
  for (int round = 0; round < kRounds; ++round) {
    const __m512i word = _mm512_aesenclast_epi128(_mm512_shuffle_epi8(key, last_word_rotated),
                                                  _mm512_set1_epi32(kRcon[round]));
    key = _mm512_xor_si512(key, _mm512_bslli_epi128(key, 4));
    key = _mm512_ternarylogic_epi32(key, _mm512_bslli_epi128(key, 8), word, 0x96);
    out.of[round + 1] = key;
  }
}

// The message whose round keys are in quarter `lane` of `all`.
template <int lane>
SLUICE_AVX512_INLINE void encrypt(const RoundKeys& all, const CounterText& text) {
  __m512i keys[kRounds + 1];
#pragma GCC unroll 11
  for (int i = 0; i <= kRounds; ++i) keys[i] = _mm512_shuffle_i32x4(all.of[i], all.of[i], lane * 0x55);
  __m128i block = _mm_unpacklo_epi64(_mm_cvtsi64_si128(static_cast<long long>(text.iv.upper)),
                                     _mm_cvtsi64_si128(static_cast<long long>(text.iv.lower)));
  // Otherwise the compiler stores both halves and broadcasts the whole from memory, where the CPU waits for
  // the stores to retire: no packet would overlap with the one before, and each cost four times as much.
  asm("" : "+v"(block));
  const __m512i start = _mm512_xor_si512(_mm512_broadcast_i32x4(block), keys[0]);
  const __m512i four = _mm512_set1_epi32(4);
  __m512i numbers = _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0);
  for (std::size_t at = 0; at < text.length; at += kStep) {
    __m512i stream = _mm512_xor_si512(start, counters(numbers));
#pragma GCC unroll 9
    for (int i = 1; i < kRounds; ++i) stream = _mm512_aesenc_epi128(stream, keys[i]);
    stream = _mm512_aesenclast_epi128(stream, keys[kRounds]);
    const std::size_t left = text.length - at;
    const __mmask64 mask = _bzhi_u64(~0ull, static_cast<unsigned>(left < kStep ? left : kStep));
    _mm512_mask_storeu_epi8(text.to + at, mask,
                            _mm512_xor_si512(stream, _mm512_maskz_loadu_epi8(mask, text.from + at)));
    numbers = _mm512_add_epi32(numbers, four);
  }
}

}  // namespace

SLUICE_AVX512 void aes128_counter(std::span<const CounterText> texts) {
  for (; !texts.empty(); texts = texts.subspan(texts.size() < kKeys ? texts.size() : kKeys)) {
    const std::size_t count = texts.size();
    const CounterText* const four[kKeys] = {&texts[0], &texts[count > 1 ? 1 : 0], &texts[count > 2 ? 2 : 0],
                                            &texts[count > 3 ? 3 : 0]};
    RoundKeys keys;
    expand(four, keys);
    encrypt<0>(keys, *four[0]);
    if (count > 1) encrypt<1>(keys, *four[1]);
    if (count > 2) encrypt<2>(keys, *four[2]);
    if (count > 3) encrypt<3>(keys, *four[3]);
  }
}

}  // namespace sluice::crypto
