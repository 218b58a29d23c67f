#include "crypto/kernels/aes_gcm.h"

#include <immintrin.h>

#include <algorithm>
#include <cassert>

#include "crypto/kernels/aes_round_keys.h"
#include "crypto/kernels/avx512.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kGroup = 64;            // bytes: a block in each quarter
constexpr std::size_t kChunk = 4 * kGroup;    // multiplied before one reduction
constexpr std::uint32_t kFirstTextBlock = 2;  // block 1 masks the tag

// ---- GHASH: products of polynomials over GF(2), in reversed bits

SLUICE_AVX512_INLINE __m512i reversed(__m512i blocks) {
  return _mm512_shuffle_epi8(
      blocks, _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

// The right side of a product: a polynomial, and in the lower half of `halves` the sum of its halves.
// Karatsuba's method takes three multiplications instead of four, and more sums. In two cycles the CPU can
// start one multiplication and eight sums, so the sums are cheap.
struct Factor {
  __m512i whole;
  __m512i halves;
};

SLUICE_AVX512_INLINE Factor factor(__m512i whole) {
  return {whole, _mm512_xor_si512(whole, _mm512_shuffle_epi32(whole, _MM_PERM_BADC))};
}

// A product before its reduction, 256 bits a quarter. `both` is the sum of low, high and the part between
// them.
struct Product {
  __m512i low, both, high;
};

SLUICE_AVX512_INLINE Product multiply(__m512i a, const Factor& by) {
  return {_mm512_clmulepi64_epi128(a, by.whole, 0x00),
          _mm512_clmulepi64_epi128(factor(a).halves, by.halves, 0x00),
          _mm512_clmulepi64_epi128(a, by.whole, 0x11)};
}

SLUICE_AVX512_INLINE void add_product(Product& sum, __m512i a, const Factor& by) {
  const Product more = multiply(a, by);
  sum.low = _mm512_xor_si512(sum.low, more.low);
  sum.both = _mm512_xor_si512(sum.both, more.both);
  sum.high = _mm512_xor_si512(sum.high, more.high);
}

// x^128 + x^127 + x^126 + x^121 + 1, without its highest term, which a reduction removes.
SLUICE_AVX512_INLINE __m512i modulus() {
  return _mm512_broadcast_i32x4(_mm_set_epi64x(static_cast<long long>(0xc200000000000000ull), 1));
}

// Reduces 64 bits at a time.
SLUICE_AVX512_INLINE __m512i reduce(const Product& product) {
  __m512i middle = _mm512_ternarylogic_epi32(product.both, product.low, product.high, 0x96);
  middle = _mm512_ternarylogic_epi32(middle, _mm512_shuffle_epi32(product.low, _MM_PERM_BADC),
                                     _mm512_clmulepi64_epi128(modulus(), product.low, 0x01), 0x96);
  return _mm512_ternarylogic_epi32(product.high, _mm512_shuffle_epi32(middle, _MM_PERM_BADC),
                                   _mm512_clmulepi64_epi128(modulus(), middle, 0x01), 0x96);
}

// Adds up the quarters of each register. The four sums are the quarters of the result.
SLUICE_AVX512_INLINE __m512i folded(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_xor_si512(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
  const __m512i cd = _mm512_xor_si512(_mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd));
  return _mm512_xor_si512(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xdd));
}

// The powers from H^highest down, one a quarter. Below H^1 the load also reads bytes behind the struct
// (kBehind). They have no effect, since their blocks are zero. A masked load would not read them, but it
// takes several times as long when its cache line is not in a cache: 160 cycles more a packet with 10,000
// keys.
SLUICE_AVX512_INLINE Factor descending(const GcmPowers& powers, std::size_t highest) {
  return factor(_mm512_loadu_si512(powers.descending[GcmPowers::kCount - highest].data()));
}

// One power, in all quarters.
SLUICE_AVX512_INLINE Factor everywhere(const GcmPowers& powers, std::size_t number) {
  return factor(_mm512_broadcast_i32x4(_mm_load_si128(
      reinterpret_cast<const __m128i*>(powers.descending[GcmPowers::kCount - number].data()))));
}

// The hash before a group of blocks is the sum over the quarters of this result times H^4 to H^1. This
// function hashes the associated data one block at a time, except for the last block: only a long header has
// more than one. The last block goes right before the text.
SLUICE_AVX512_INLINE __m512i begin_hash(const GcmText& text) {
  __m512i sum = _mm512_setzero_si512();
  std::size_t at = 0;
  for (; text.aad_length - at > kBlock; at += kBlock) {
    const __m512i block = _mm512_maskz_loadu_epi8(0xffff, text.aad + at);
    sum = reduce(multiply(_mm512_xor_si512(sum, reversed(block)), everywhere(*text.powers, 1)));
  }
  const __mmask64 mask = first_bytes(text.aad_length - at);
  sum = _mm512_xor_si512(sum, reversed(_mm512_maskz_loadu_epi8(mask, text.aad + at)));
  return _mm512_maskz_shuffle_i32x4(0xf000, sum, sum, 0);
}

// ---- GCM

[[maybe_unused]] bool have_headers(std::span<const GcmText> texts) {
  return std::all_of(texts.begin(), texts.end(), [](const GcmText& text) { return text.aad_length >= 1; });
}

struct Stream {
  __m512i start;    // the initialisation vector xor the first round key
  __m512i numbers;  // those of the next blocks
};

// The state of one message.
struct Work {
  RoundKeys keys;
  Stream stream;
  // The power of that number in all quarters; set where there are chunks.
  Factor fourth, eighth, twelfth, sixteenth;
  __m512i hash;
  __m512i groups[4];  // the chunk that is encrypted and not hashed yet
};

SLUICE_AVX512_INLINE __m512i next_counters(Stream& stream) {
  const __m512i blocks = _mm512_xor_si512(stream.start, counters(stream.numbers));
  stream.numbers = _mm512_add_epi32(stream.numbers, _mm512_set1_epi32(4));
  return blocks;
}

// Encrypts or decrypts a group of the text, or what is left of it. The result is what the hash takes: the
// ciphertext with zeros behind.
template <bool sealing>
SLUICE_AVX512_INLINE __m512i crypt_group(__m512i stream, const GcmText& text, std::size_t at) {
  const __mmask64 mask = at < text.length ? first_bytes(text.length - at) : 0;
  const __m512i in = _mm512_maskz_loadu_epi8(mask, text.from + at);
  const __m512i out = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(stream, in));
  _mm512_mask_storeu_epi8(text.to + at, mask, out);
  return reversed(sealing ? out : in);
}

enum class Hashing { kNothing, kBefore };
enum class Length { kWhole, kRest };

// Encrypts or decrypts a chunk and, with kBefore, hashes the chunk before it meanwhile. With kRest less than
// a chunk is left.
template <bool sealing, Hashing hashing, Length length>
SLUICE_AVX512_INLINE void crypt_chunk(Work& work, const GcmText& text, std::size_t at) {
  __m512i blocks[4];
  Product sum;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) blocks[i] = next_counters(work.stream);
#pragma GCC unroll 9
  for (int round = 1; round < kAesRounds; ++round) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) blocks[i] = _mm512_aesenc_epi128(blocks[i], work.keys.of[round]);
    if constexpr (hashing == Hashing::kBefore) {
      if (round == 1) sum = multiply(work.hash, work.sixteenth);
      if (round == 2) add_product(sum, work.groups[0], work.twelfth);
      if (round == 3) add_product(sum, work.groups[1], work.eighth);
      if (round == 4) add_product(sum, work.groups[2], work.fourth);
      if (round == 8) work.hash = _mm512_xor_si512(reduce(sum), work.groups[3]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const std::size_t here = at + i * kGroup;
    blocks[i] = _mm512_aesenclast_epi128(blocks[i], work.keys.of[kAesRounds]);
    if constexpr (length == Length::kWhole) {
      const __m512i in = _mm512_loadu_si512(text.from + here);
      const __m512i out = _mm512_xor_si512(blocks[i], in);
      _mm512_storeu_si512(text.to + here, out);
      work.groups[i] = reversed(sealing ? out : in);
    } else {
      work.groups[i] = crypt_group<sealing>(blocks[i], text, here);
    }
  }
}

// Encrypts or decrypts all whole chunks, and hashes all of them except the last.
template <bool sealing>
SLUICE_AVX512_INLINE void crypt_chunks(Work& work, const GcmText& text, std::size_t whole) {
  work.fourth = everywhere(*text.powers, 4);
  work.eighth = everywhere(*text.powers, 8);
  work.twelfth = everywhere(*text.powers, 12);
  work.sixteenth = everywhere(*text.powers, 16);
  crypt_chunk<sealing, Hashing::kNothing, Length::kWhole>(work, text, 0);
  for (std::size_t at = kChunk; at < whole; at += kChunk)
    crypt_chunk<sealing, Hashing::kBefore, Length::kWhole>(work, text, at);
}

// The last block that is hashed: the lengths in bits.
SLUICE_AVX512_INLINE __m128i lengths_of(const GcmText& text) {
  return _mm_set_epi64x(static_cast<long long>(text.aad_length) * 8, static_cast<long long>(text.length) * 8);
}

// Adds one of the last groups to the hash. `blocks` blocks are still to be hashed from here on, with the
// lengths as the last. The powers go down to the first, one for each block.
SLUICE_AVX512_INLINE void add_last(Product& sum, __m512i group, std::size_t blocks, const GcmText& text) {
  if (blocks <= 4)
    group = _mm512_mask_broadcast_i32x4(group, static_cast<__mmask16>(0xf << (4 * (blocks - 1))),
                                        lengths_of(text));
  add_product(sum, group, descending(*text.powers, blocks));
}

// How many blocks the hash takes after the first `at` bytes, including the block of the lengths.
inline std::size_t blocks_after(std::size_t at, const GcmText& text) {
  return (text.length - at + kBlock - 1) / kBlock + 1;
}

// The end of a message, from `at` on. The chunk before `at` is encrypted and not hashed yet.
template <bool sealing>
SLUICE_AVX512_INLINE Product crypt_rest(Work& work, const GcmText& text, std::size_t at) {
  crypt_chunk<sealing, Hashing::kBefore, Length::kRest>(work, text, at);
  const std::size_t blocks = blocks_after(at, text);
  Product sum = multiply(work.hash, descending(*text.powers, blocks + 4));
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i)
    if (blocks > 4 * i) add_last(sum, work.groups[i], blocks - 4 * i, text);
  if (blocks > 16) add_last(sum, _mm512_setzero_si512(), blocks - 16, text);
  return sum;
}

// A whole message of less than a chunk.
template <bool sealing>
SLUICE_AVX512_INLINE Product crypt_short(Work& work, const GcmText& text) {
  std::size_t blocks = blocks_after(0, text);
  Product sum = multiply(work.hash, descending(*text.powers, blocks + 4));
  for (std::size_t at = 0; at < text.length; at += kGroup) {
    const __m512i stream = encrypt_blocks(work.keys, next_counters(work.stream));
    add_last(sum, crypt_group<sealing>(stream, text, at), blocks, text);
    blocks -= blocks <= 4 ? blocks : 4;
  }
  if (blocks != 0) add_last(sum, _mm512_setzero_si512(), blocks, text);
  return sum;
}

// Encrypts or decrypts the message whose round keys are in that quarter of `all`. The result is its hash
// before the reduction, with a part of the sum in each quarter.
template <bool sealing>
SLUICE_AVX512_INLINE Product crypt(const FourRoundKeys& all, std::size_t quarter, const GcmText& text) {
  Work work;
  pick(all, quarter, work.keys);
  work.stream = {_mm512_xor_si512(_mm512_broadcast_i32x4(block_of(text.iv)), work.keys.of[0]),
                 block_numbers(kFirstTextBlock)};
  work.hash = begin_hash(text);
  const std::size_t whole = text.length / kChunk * kChunk;
  if (whole == 0) return crypt_short<sealing>(work, text);
  crypt_chunks<sealing>(work, text, whole);
  return crypt_rest<sealing>(work, text, whole);
}

SLUICE_AVX512_INLINE void store_tags(const Product (&sums)[4], __m512i masks, std::size_t count,
                                     GcmTag* tags) {
  const Product all{folded(sums[0].low, sums[1].low, sums[2].low, sums[3].low),
                    folded(sums[0].both, sums[1].both, sums[2].both, sums[3].both),
                    folded(sums[0].high, sums[1].high, sums[2].high, sums[3].high)};
  const __m512i out = _mm512_xor_si512(reversed(reduce(all)), masks);
  _mm512_mask_storeu_epi32(tags, static_cast<__mmask16>(0xffff >> (16 - 4 * count)), out);
}

// Up to four messages. The masks of their tags and the last steps of their hashes are computed at once.
template <bool sealing>
SLUICE_AVX512_INLINE void crypt_four(std::span<const GcmText> texts, GcmTag* tags) {
  const std::size_t count = texts.size();
  const GcmText* const four[4] = {&texts[0], &texts[count > 1 ? 1 : 0], &texts[count > 2 ? 2 : 0],
                                  &texts[count > 3 ? 3 : 0]};
  FourRoundKeys keys;
  expand_four({four[0]->key, four[1]->key, four[2]->key, four[3]->key}, keys);
  const __m512i ivs = four_blocks(four[0]->iv, four[1]->iv, four[2]->iv, four[3]->iv);
  const __m512i first_blocks =
      _mm512_xor_si512(ivs, counters(_mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, 1))));
  const __m512i masks = encrypt_blocks(keys, _mm512_xor_si512(first_blocks, keys.of[0]));
  Product sums[4];
  for (std::size_t i = 0; i < count; ++i) sums[i] = crypt<sealing>(keys, i, texts[i]);
  store_tags(sums, masks, count, tags);
}

}  // namespace

SLUICE_AVX512 void make_gcm_powers(const std::uint8_t* key, GcmPowers& out) {
  FourRoundKeys keys;
  expand_four({key, key, key, key}, keys);
  const __m512i hash_key = reversed(encrypt_blocks(keys, keys.of[0]));
  // Times x: a shift of 128 bits by one, and the modulus where a bit is shifted out.
  const __m512i carries = _mm512_srli_epi64(hash_key, 63);
  const __m512i upper = _mm512_unpackhi_epi64(carries, carries);
  __m512i first = _mm512_or_si512(_mm512_slli_epi64(hash_key, 1), _mm512_bslli_epi128(carries, 8));
  first = _mm512_mask_xor_epi64(first, _mm512_test_epi64_mask(upper, upper), first, modulus());
  __m512i power = first;
  for (std::size_t i = GcmPowers::kCount; i-- > 0;) {
    _mm_store_si128(reinterpret_cast<__m128i*>(out.descending[i].data()), _mm512_castsi512_si128(power));
    power = reduce(multiply(power, factor(first)));
  }
}

SLUICE_AVX512 void aes128_gcm_seal(std::span<const GcmText> texts, GcmTag* tags) {
  assert(have_headers(texts));
  for (std::size_t at = 0; at < texts.size(); at += 4)
    crypt_four<true>(texts.subspan(at, std::min<std::size_t>(4, texts.size() - at)), tags + at);
}

SLUICE_AVX512 void aes128_gcm_open(std::span<const GcmText> texts, GcmTag* tags) {
  assert(have_headers(texts));
  for (std::size_t at = 0; at < texts.size(); at += 4)
    crypt_four<false>(texts.subspan(at, std::min<std::size_t>(4, texts.size() - at)), tags + at);
}

}  // namespace sluice::crypto
