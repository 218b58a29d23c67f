#include "crypto/sha1_lanes.h"

#include <immintrin.h>

#include <algorithm>

#include "crypto/avx512.h"

namespace sluice::crypto {
namespace {

constexpr int kLanes = static_cast<int>(kSha1Lanes);
constexpr int kStateWords = 5;
constexpr std::int32_t kBlock = 64;
constexpr std::int32_t kWord = 4;         // what follows the message
constexpr std::int32_t kPadding = 1 + 8;  // the bit that ends it, and its length
// The length of a lane without message: no block of it is ever real.
constexpr std::int32_t kAbsent = -kBlock;

struct State {
  __m512i words[kStateWords];
};

struct Block {
  __m512i words[kLanes];
};

// In: row i is the 16 words of lane i. Out: row i is word i of all lanes.
SLUICE_AVX512_INLINE void transpose(Block& block) {
  __m512i* rows = block.words;
  __m512i pairs[kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < kLanes; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  // Row 4i+j now holds, in its quarter k, word 4k+j of the lanes 4i to 4i+3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0xdd);
    const __m512i even_high = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0xdd);
    pairs[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    pairs[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    pairs[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
    pairs[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = pairs[i];
}

SLUICE_AVX512_INLINE __m512i swap_bytes(__m512i words) {
  return _mm512_shuffle_epi8(
      words, _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)));
}

SLUICE_AVX512_INLINE __m512i constant_of(int round) {
  constexpr std::uint32_t kConstants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  return _mm512_set1_epi32(static_cast<int>(kConstants[round / 20]));
}

// Ch, Parity, Maj, Parity, each one instruction that is told its truth table.
SLUICE_AVX512_INLINE __m512i mixed(int round, __m512i b, __m512i c, __m512i d) {
  if (round < 20) return _mm512_ternarylogic_epi32(b, c, d, 0xca);
  if (round >= 40 && round < 60) return _mm512_ternarylogic_epi32(b, c, d, 0xe8);
  return _mm512_ternarylogic_epi32(b, c, d, 0x96);
}

// One block of every lane. Uses up `block`.
SLUICE_AVX512_INLINE void compress(State& state, Block& block) {
  __m512i* w = block.words;
  __m512i v[kStateWords];
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i) v[i] = state.words[i];
#pragma GCC unroll 80
  for (int round = 0; round < 80; ++round) {
    if (round >= 16) {
      const __m512i three =
          _mm512_ternarylogic_epi32(w[(round + 13) & 15], w[(round + 8) & 15], w[(round + 2) & 15], 0x96);
      w[round & 15] = _mm512_rol_epi32(_mm512_xor_si512(three, w[round & 15]), 1);
    }
    const __m512i a = v[(80 - round) % 5];
    __m512i& b = v[(81 - round) % 5];
    __m512i& e = v[(84 - round) % 5];
    const __m512i f = mixed(round, b, v[(82 - round) % 5], v[(83 - round) % 5]);
    __m512i ready =
        _mm512_add_epi32(_mm512_add_epi32(e, _mm512_add_epi32(w[round & 15], constant_of(round))), f);
    // Only the rotated `a` is late. A compiler that orders the sums its own way makes all of them wait for
    // it, and the block take twice the time.
    asm("" : "+v"(ready));
    e = _mm512_add_epi32(ready, _mm512_rol_epi32(a, 5));
    b = _mm512_rol_epi32(b, 30);
  }
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i) state.words[i] = _mm512_add_epi32(state.words[i], v[i]);
}

// The 64 bytes from `at` of a message with its word and the bit that ends it, zeros behind.
SLUICE_AVX512_INLINE __m512i piece(const LaneMessage& message, std::int32_t length, std::int32_t at) {
  const std::int32_t left = length - at;
  if (left >= kBlock) return _mm512_loadu_si512(message.data + at);
  const auto ending = static_cast<long long>(0x8000000000ull | __builtin_bswap32(message.word));
  const __m512i end = _mm512_castsi128_si512(_mm_cvtsi64_si128(ending));
  if (left >= 0) {
    const __mmask64 mask = _bzhi_u64(~0ull, static_cast<unsigned>(left));
    return _mm512_or_si512(_mm512_maskz_loadu_epi8(mask, message.data + at),
                           _mm512_maskz_expand_epi8(~mask, end));
  }
  if (left > -kWord - 1) return _mm512_maskz_compress_epi8(~0ull << -left, end);
  return _mm512_setzero_si512();
}

// The messages of a pass, sixteen always: lanes without one have no blocks.
struct Pass {
  const LaneMessage* lanes[kLanes];
  alignas(64) std::int32_t lengths[kLanes];
  alignas(64) std::int32_t blocks[kLanes];
  std::int32_t most_blocks;
};

void begin(std::span<const LaneMessage> messages, Pass& pass) {
  pass.most_blocks = 0;
  for (std::size_t i = 0; i < kSha1Lanes; ++i) {
    const bool present = i < messages.size();
    const LaneMessage& message = messages[present ? i : 0];
    pass.lanes[i] = &message;
    pass.lengths[i] = present ? static_cast<std::int32_t>(message.length) : kAbsent;
    pass.blocks[i] = present ? (pass.lengths[i] + kWord + kPadding + kBlock - 1) / kBlock : 0;
    pass.most_blocks = std::max(pass.most_blocks, pass.blocks[i]);
  }
}

SLUICE_AVX512_INLINE void load_states(const Pass& pass, State& inner, State& outer) {
  Block keys;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) keys.words[i] = _mm512_maskz_loadu_epi32(0x3ff, pass.lanes[i]->states);
  transpose(keys);
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i) {
    inner.words[i] = keys.words[i];
    outer.words[i] = keys.words[kStateWords + i];
  }
}

// Lanes whose message has ended keep their state.
SLUICE_AVX512_INLINE void add_block(const Pass& pass, std::int32_t number, State& state) {
  Block block;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    block.words[i] = swap_bytes(piece(*pass.lanes[i], pass.lengths[i], number * kBlock));
  transpose(block);
  const __m512i blocks = _mm512_load_si512(pass.blocks);
  const __mmask16 last = _mm512_cmpeq_epi32_mask(blocks, _mm512_set1_epi32(number + 1));
  const __mmask16 real = _mm512_cmpgt_epi32_mask(blocks, _mm512_set1_epi32(number));
  // The length in bits, which counts the block of the key.
  const __m512i bits = _mm512_slli_epi32(
      _mm512_add_epi32(_mm512_load_si512(pass.lengths), _mm512_set1_epi32(kBlock + kWord)), 3);
  block.words[15] = _mm512_mask_or_epi32(block.words[15], last, block.words[15], bits);
  State next = state;
  compress(next, block);
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i)
    state.words[i] = _mm512_mask_mov_epi32(state.words[i], real, next.words[i]);
}

SLUICE_AVX512_INLINE void add_digest(const State& digest, State& state) {
  Block block;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    block.words[i] = i < kStateWords ? digest.words[i] : _mm512_setzero_si512();
  block.words[kStateWords] = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  block.words[15] = _mm512_set1_epi32((kBlock + kStateWords * 4) * 8);
  compress(state, block);
}

SLUICE_AVX512_INLINE void store_tags(const State& state, std::size_t count, LaneTag* tags) {
  const __m512i low01 = _mm512_unpacklo_epi32(state.words[0], state.words[1]);
  const __m512i high01 = _mm512_unpackhi_epi32(state.words[0], state.words[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(state.words[2], state.words[3]);
  const __m512i high23 = _mm512_unpackhi_epi32(state.words[2], state.words[3]);
  const __m512i of_lanes[4] = {_mm512_unpacklo_epi64(low01, low23), _mm512_unpackhi_epi64(low01, low23),
                               _mm512_unpacklo_epi64(high01, high23), _mm512_unpackhi_epi64(high01, high23)};
  alignas(64) std::uint8_t all[4][64];  // [j][16 k]: lane 4k+j
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) _mm512_store_si512(all[j], swap_bytes(of_lanes[j]));
  for (std::size_t i = 0; i < count; ++i)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(tags[i].data()),
                     _mm_load_si128(reinterpret_cast<const __m128i*>(all[i % 4] + 16 * (i / 4))));
}

}  // namespace

SLUICE_AVX512 void hmac_sha1(std::span<const LaneMessage> messages, LaneTag* tags) {
  Pass pass;
  begin(messages, pass);
  State inner, outer;
  load_states(pass, inner, outer);
  for (std::int32_t number = 0; number < pass.most_blocks; ++number) add_block(pass, number, inner);
  add_digest(inner, outer);
  store_tags(outer, messages.size(), tags);
}

}  // namespace sluice::crypto
