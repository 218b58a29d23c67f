#include "crypto/kernels/aes_counter.h"

#include <immintrin.h>

#include <algorithm>
#include <cassert>

#include "crypto/kernels/aes_round_keys.h"
#include "crypto/kernels/avx512.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kStep = 64;  // bytes: four blocks
constexpr std::size_t kKeys = 4;   // of a register

// Encrypts the message whose round keys are in that quarter of `all`.
template <int quarter>
SLUICE_AVX512_INLINE void encrypt(const FourRoundKeys& all, const CounterText& text) {
  RoundKeys keys;
  pick<quarter>(all, keys);
  const __m512i start = _mm512_xor_si512(_mm512_broadcast_i32x4(block_of(text.iv)), keys.of[0]);
  const __m512i four = _mm512_set1_epi32(4);
  __m512i numbers = block_numbers(0);
  for (std::size_t at = 0; at < text.length; at += kStep) {
    const __m512i stream = encrypt_blocks(keys, _mm512_xor_si512(start, counters(numbers)));
    const __mmask64 mask = first_bytes(text.length - at);
    _mm512_mask_storeu_epi8(text.to + at, mask,
                            _mm512_xor_si512(stream, _mm512_maskz_loadu_epi8(mask, text.from + at)));
    numbers = _mm512_add_epi32(numbers, four);
  }
}

}  // namespace

SLUICE_AVX512 void aes128_counter(std::span<const CounterText> texts) {
  assert(std::all_of(texts.begin(), texts.end(),
                     [](const CounterText& text) { return text.length <= kMaxCounterText; }));
  for (; !texts.empty(); texts = texts.subspan(texts.size() < kKeys ? texts.size() : kKeys)) {
    const std::size_t count = texts.size();
    const CounterText* const four[kKeys] = {&texts[0], &texts[count > 1 ? 1 : 0], &texts[count > 2 ? 2 : 0],
                                            &texts[count > 3 ? 3 : 0]};
    FourRoundKeys keys;
    expand_four({four[0]->key, four[1]->key, four[2]->key, four[3]->key}, keys);
    encrypt<0>(keys, *four[0]);
    if (count > 1) encrypt<1>(keys, *four[1]);
    if (count > 2) encrypt<2>(keys, *four[2]);
    if (count > 3) encrypt<3>(keys, *four[3]);
  }
}

}  // namespace sluice::crypto
