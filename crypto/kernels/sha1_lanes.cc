#include "crypto/kernels/sha1_lanes.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "crypto/kernels/avx512.h"

namespace sluice::crypto {
namespace {

constexpr int kLanes = 16;  // of one register
constexpr int kStateWords = 5;
constexpr std::int32_t kBlock = 64;
constexpr std::int32_t kWord = 4;         // LaneMessage::word
constexpr std::int32_t kPadding = 1 + 8;  // the byte with the end bit, and the length of the message
// The length of a lane without a message, which then has no blocks.
constexpr std::int32_t kAbsent = -kBlock;

struct State {
  __m512i words[kStateWords];
};

struct Block {
  __m512i words[kLanes];
};

// Before: row i is the 16 words of lane i. After: row i is word i of all lanes.
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

// Ch, Parity, Maj and Parity of FIPS 180-4. Each is one instruction that takes a truth table.
SLUICE_AVX512_INLINE __m512i mixed(int round, __m512i b, __m512i c, __m512i d) {
  if (round < 20) return _mm512_ternarylogic_epi32(b, c, d, 0xca);
  if (round >= 40 && round < 60) return _mm512_ternarylogic_epi32(b, c, d, 0xe8);
  return _mm512_ternarylogic_epi32(b, c, d, 0x96);
}

// One step of the message schedule, and the round of that number.
SLUICE_AVX512_INLINE void step(int round, __m512i* w, __m512i* v) {
  if (round >= kLanes) {
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
  // Only the rotated `a` is ready late. Without this line the compiler reorders the sums so that all of them
  // wait for it, and the block takes twice the time.
  asm("" : "+v"(ready));
  e = _mm512_add_epi32(ready, _mm512_rol_epi32(a, 5));
  b = _mm512_rol_epi32(b, 30);
}

// Hashes one block of every lane of kGroups groups. Overwrites the blocks. The rounds of one group wait for
// each other, four cycles a round, and leave half of the CPU unused. Two groups at once, step by step, cost
// 1.35 times as much as one (AMD Zen 5), though their words do not all fit into the registers.
template <int kGroups>
SLUICE_AVX512 __attribute__((noinline)) void compress(const std::array<State*, kGroups>& states,
                                                      std::array<Block, kGroups>& blocks) {
  __m512i v[kGroups][kStateWords];
#pragma GCC unroll 2
  for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 5
    for (int i = 0; i < kStateWords; ++i) v[g][i] = states[g]->words[i];
#pragma GCC unroll 80
  for (int round = 0; round < 80; ++round)
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) step(round, blocks[g].words, v[g]);
#pragma GCC unroll 2
  for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 5
    for (int i = 0; i < kStateWords; ++i)
      states[g]->words[i] = _mm512_add_epi32(states[g]->words[i], v[g][i]);
}

// The messages of the lanes of one register. Lanes without a message have no blocks.
struct Group {
  std::span<const LaneMessage> messages;
  alignas(64) std::int32_t lengths[kLanes];
  alignas(64) std::uint32_t words[kLanes];
  __m512i blocks;  // how many each lane has
  std::int32_t most_blocks;
  std::int32_t all_blocks;  // the number of blocks that every lane has
  std::int32_t whole;       // how many of them contain only bytes of their messages
  bool alike;               // whether all lanes have messages of one length, a multiple of four
  State inner;
  State outer;
};

SLUICE_AVX512_INLINE const LaneMessage& message_of(const Group& group, int lane) {
  const auto i = static_cast<std::size_t>(lane);
  return group.messages[i < group.messages.size() ? i : 0];
}

SLUICE_AVX512_INLINE void load_states(Group& group) {
  Block keys;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) keys.words[i] = _mm512_loadu_si512(message_of(group, i).states);
  transpose(keys);
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i) {
    group.inner.words[i] = keys.words[i];
    group.outer.words[i] = keys.words[kStateWords + i];
  }
}

SLUICE_AVX512 void begin(std::span<const LaneMessage> messages, Group& group) {
  group.messages = messages;
  std::int32_t longest = 0, shortest = INT32_MAX;
  for (std::size_t i = 0; i < kLanes; ++i) {
    const bool present = i < messages.size();
    const std::int32_t length = present ? static_cast<std::int32_t>(messages[i].length) : kAbsent;
    group.lengths[i] = length;
    group.words[i] = present ? messages[i].word : 0;
    longest = std::max(longest, length);
    shortest = std::min(shortest, length);
  }
  const auto blocks_of = [](std::int32_t length) {
    return length == kAbsent ? 0 : (length + kWord + kPadding + kBlock - 1) / kBlock;
  };
  group.most_blocks = blocks_of(longest);
  group.all_blocks = blocks_of(shortest);
  group.whole = shortest == kAbsent ? 0 : shortest / kBlock;
  group.alike = longest == shortest && longest % 4 == 0;
  const __m512i lengths = _mm512_load_si512(group.lengths);
  group.blocks =
      _mm512_maskz_srli_epi32(_mm512_cmpge_epi32_mask(lengths, _mm512_setzero_si512()),
                              _mm512_add_epi32(lengths, _mm512_set1_epi32(kWord + kPadding + kBlock - 1)), 6);
  load_states(group);
}

// The 64 bytes from `at` on of this sequence: the message, its word, the end bit, and zeros.
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

SLUICE_AVX512_INLINE void turn(Block& block) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) block.words[i] = swap_bytes(block.words[i]);
  transpose(block);
}

// Loads a block that has only bytes of the messages in every lane. Prefetches the bytes that the lanes read
// next, since the CPU does not prefetch for that many streams by itself.
SLUICE_AVX512_INLINE void load_whole(const Group& group, std::int32_t at, Block& block) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    const std::uint8_t* data = group.messages[static_cast<std::size_t>(i)].data + at;
    block.words[i] = _mm512_loadu_si512(data);
    __builtin_prefetch(data + std::ptrdiff_t{2} * kBlock - 1);
  }
  turn(block);
}

// Loads a block with the ends of messages that have one length (Group::alike). Then LaneMessage::word and the
// end bit are whole words of the block.
SLUICE_AVX512_INLINE void load_alike(const Group& group, std::int32_t at, Block& block) {
  const std::int32_t left = group.lengths[0] - at;
  const __mmask64 mask = left <= 0 ? 0 : _bzhi_u64(~0ull, static_cast<unsigned>(left));
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    block.words[i] = _mm512_maskz_loadu_epi8(mask, group.messages[static_cast<std::size_t>(i)].data + at);
  turn(block);
  if (left >= 0) block.words[left / 4] = _mm512_load_si512(group.words);
  if (left >= -kWord && left < kBlock - kWord)
    block.words[left / 4 + 1] = _mm512_set1_epi32(static_cast<int>(0x80000000u));
}

SLUICE_AVX512_INLINE void load_any(const Group& group, std::int32_t at, Block& block) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) block.words[i] = piece(message_of(group, i), group.lengths[i], at);
  turn(block);
}

SLUICE_AVX512_INLINE void load_block(const Group& group, std::int32_t number, Block& block) {
  if (number < group.whole) return load_whole(group, number * kBlock, block);
  if (group.alike)
    load_alike(group, number * kBlock, block);
  else
    load_any(group, number * kBlock, block);
  const __mmask16 last = _mm512_cmpeq_epi32_mask(group.blocks, _mm512_set1_epi32(number + 1));
  // The length in bits, including the block of the key.
  const __m512i bits = _mm512_slli_epi32(
      _mm512_add_epi32(_mm512_load_si512(group.lengths), _mm512_set1_epi32(kBlock + kWord)), 3);
  block.words[15] = _mm512_mask_or_epi32(block.words[15], last, block.words[15], bits);
}

// Lanes whose message has ended keep their state.
SLUICE_AVX512_INLINE void accept(const State& next, std::int32_t number, Group& group) {
  const __mmask16 real = _mm512_cmpgt_epi32_mask(group.blocks, _mm512_set1_epi32(number));
#pragma GCC unroll 5
  for (int i = 0; i < kStateWords; ++i)
    group.inner.words[i] = _mm512_mask_mov_epi32(group.inner.words[i], real, next.words[i]);
}

template <int kGroups>
SLUICE_AVX512 void add_block(Group* groups, std::int32_t number) {
  std::array<State, kGroups> next;
  std::array<State*, kGroups> states;
  std::array<Block, kGroups> blocks;
  for (int g = 0; g < kGroups; ++g) {
    load_block(groups[g], number, blocks[g]);
    states[g] = &groups[g].inner;
    if (number < groups[g].all_blocks) continue;
    next[g] = groups[g].inner;
    states[g] = &next[g];
  }
  compress<kGroups>(states, blocks);
  for (int g = 0; g < kGroups; ++g)
    if (number >= groups[g].all_blocks) accept(next[g], number, groups[g]);
}

template <int kGroups>
SLUICE_AVX512 void add_digests(Group* groups) {
  std::array<State*, kGroups> states;
  std::array<Block, kGroups> blocks;
  for (int g = 0; g < kGroups; ++g) {
    __m512i* words = blocks[g].words;
    for (int i = 0; i < kLanes; ++i)
      words[i] = i < kStateWords ? groups[g].inner.words[i] : _mm512_setzero_si512();
    words[kStateWords] = _mm512_set1_epi32(static_cast<int>(0x80000000u));
    words[15] = _mm512_set1_epi32((kBlock + kStateWords * 4) * 8);
    states[g] = &groups[g].outer;
  }
  compress<kGroups>(states, blocks);
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
  assert(!messages.empty() && messages.size() <= kSha1Lanes);
  assert(std::all_of(messages.begin(), messages.end(),
                     [](const LaneMessage& message) { return message.length <= 0xffff; }));
  std::array<Group, kSha1Lanes / kLanes> groups;
  const std::size_t first = std::min<std::size_t>(messages.size(), kLanes);
  begin(messages.first(first), groups[0]);
  std::int32_t both = 0;
  if (first < messages.size()) {
    begin(messages.subspan(first), groups[1]);
    both = std::min(groups[0].most_blocks, groups[1].most_blocks);
    for (std::int32_t number = 0; number < both; ++number) add_block<2>(groups.data(), number);
    for (std::int32_t number = both; number < groups[1].most_blocks; ++number)
      add_block<1>(&groups[1], number);
  }
  for (std::int32_t number = both; number < groups[0].most_blocks; ++number) add_block<1>(&groups[0], number);
  if (first == messages.size()) {
    add_digests<1>(groups.data());
  } else {
    add_digests<2>(groups.data());
    store_tags(groups[1].outer, messages.size() - first, tags + first);
  }
  store_tags(groups[0].outer, first, tags);
}

}  // namespace sluice::crypto
