// Compares each of our kernels with OpenSSL: every length around the edges of blocks and registers, and every
// number of messages. No byte may be written past the end.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "crypto/kernels/aes_counter.h"
#include "crypto/kernels/avx512.h"
#include "crypto/kernels/sha1_lanes.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

class Lanes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_has_avx512_lanes()) GTEST_SKIP() << "this CPU has no AVX-512 with VAES";
  }
};

std::uint32_t rotated(std::uint32_t value, int by) {
  return value << by | value >> (32 - by);
}

// SHA-1 as FIPS 180-4 defines it: the state after one block, which is the key xor `pad`.
std::array<std::uint32_t, 5> state_after(const Bytes& key, std::uint8_t pad) {
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < 64; ++i)
    w[i / 4] |= std::uint32_t{static_cast<std::uint8_t>((i < key.size() ? key[i] : 0) ^ pad)}
                << (24 - 8 * (i % 4));
  for (std::size_t t = 16; t < 80; ++t) w[t] = rotated(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  const std::array<std::uint32_t, 5> start{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  auto [a, b, c, d, e] = start;
  for (std::size_t t = 0; t < 80; ++t) {
    const std::uint32_t f = t < 20              ? ((b & c) | (~b & d))
                            : t < 40 || t >= 60 ? b ^ c ^ d
                                                : (b & c) | (b & d) | (c & d);
    constexpr std::array<std::uint32_t, 4> kConstants{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    const std::uint32_t next = rotated(a, 5) + f + e + w[t] + kConstants[t / 20];
    e = d, d = c, c = rotated(b, 30), b = a, a = next;
  }
  return {start[0] + a, start[1] + b, start[2] + c, start[3] + d, start[4] + e};
}

struct Signed {
  Bytes key, data;
  std::uint32_t word;
  std::array<std::uint32_t, 16> states;  // ten are used
};

Signed random_message(Random& random, std::size_t length) {
  Signed message{.key = random.bytes(20), .data = random.bytes(length), .word = random.word(), .states = {}};
  const auto inner = state_after(message.key, 0x36);
  const auto outer = state_after(message.key, 0x5c);
  std::copy(inner.begin(), inner.end(), message.states.begin());
  std::copy(outer.begin(), outer.end(), message.states.begin() + 5);
  return message;
}

std::string expected_tag(const Signed& message) {
  Bytes whole = message.data;
  for (int shift = 24; shift >= 0; shift -= 8)
    whole.push_back(static_cast<std::uint8_t>(message.word >> shift));
  std::array<std::uint8_t, 20> digest{};
  unsigned size = 0;
  HMAC(EVP_sha1(), message.key.data(), static_cast<int>(message.key.size()), whole.data(), whole.size(),
       digest.data(), &size);
  return to_hex(std::span(digest).first(16));
}

void check_pass(const std::vector<Signed>& all) {
  std::vector<LaneMessage> messages;
  for (const Signed& one : all)
    messages.push_back({one.data.data(), reinterpret_cast<const std::uint8_t*>(one.states.data()),
                        static_cast<std::uint32_t>(one.data.size()), one.word});
  std::vector<LaneTag> tags(all.size() + 1);
  tags.back().fill(0xee);
  hmac_sha1(messages, tags.data());
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(to_hex(tags[i]), expected_tag(all[i]))
        << "message " << i << " of " << all.size() << ", length " << all[i].data.size();
  ASSERT_TRUE(std::all_of(tags.back().begin(), tags.back().end(), [](std::uint8_t b) { return b == 0xee; }));
}

TEST_F(Lanes, HashOfEveryLength) {
  SEED_TRACE();
  Random random(50);
  for (std::size_t length = 0; length <= 300; ++length) {
    std::vector<Signed> all;
    for (std::size_t i = 0; i < kSha1Lanes; ++i) all.push_back(random_message(random, length + i));
    check_pass(all);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Lanes, HashOfLikeLengths) {
  SEED_TRACE();
  Random random(53);
  for (std::size_t length = 0; length <= 260; ++length) {
    for (const std::size_t count : {15, 16, 17, 31, 32}) {
      std::vector<Signed> all;
      for (std::size_t i = 0; i < count; ++i) all.push_back(random_message(random, length));
      check_pass(all);
      if (HasFatalFailure()) return;
    }
  }
}

// The messages of one group of lanes are much shorter than those of the other.
TEST_F(Lanes, HashOfGroupsOfUnlikeLengths) {
  SEED_TRACE();
  Random random(54);
  for (const bool longer_first : {true, false}) {
    std::vector<Signed> all;
    for (std::size_t i = 0; i < kSha1Lanes; ++i)
      all.push_back(random_message(random, (i < kSha1Lanes / 2) == longer_first ? 1212 : 112));
    check_pass(all);
  }
}

TEST_F(Lanes, HashOfEveryCountAndOfUnlikeLengths) {
  SEED_TRACE();
  Random random(51);
  for (std::size_t count = 1; count <= kSha1Lanes; ++count) {
    for (const std::size_t longest : {1, 100, 1500, 65531}) {
      std::vector<Signed> all;
      for (std::size_t i = 0; i < count; ++i)
        all.push_back(random_message(random, i == count / 2 ? longest : random.below(longest)));
      check_pass(all);
      if (HasFatalFailure()) return;
    }
  }
}

Bytes expected_text(const Bytes& key, const CounterIv& iv, std::span<const std::uint8_t> text) {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                           EVP_CIPHER_CTX_free);
  Bytes out(text.size());
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, key.data(),
                     reinterpret_cast<const std::uint8_t*>(&iv));
  EVP_EncryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size()));
  return out;
}

TEST_F(Lanes, CounterModeOfEveryLengthAndCount) {
  SEED_TRACE();
  Random random(52);
  std::vector<std::size_t> lengths{1200, 4096, 4097, 65519};  // the counter's low byte wraps after 256 blocks
  for (std::size_t length = 0; length <= 330; ++length) lengths.push_back(length);
  for (std::size_t first = 0; first < lengths.size();) {
    const std::size_t count = std::min<std::size_t>(lengths.size() - first, random.between(1, 9));
    std::vector<Bytes> keys, expected, apart, in_place;
    std::vector<CounterText> texts, texts_in_place;
    std::vector<Bytes> plain;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = lengths[first + i];
      std::array<std::uint8_t, 14> salt;
      const Bytes bytes = random.bytes(salt.size());
      std::copy(bytes.begin(), bytes.end(), salt.begin());
      const CounterIv iv = counter_iv(salt, random.word(), random.below(std::uint64_t{1} << 48));
      keys.push_back(random.bytes(16));
      plain.push_back(random.bytes(length));
      expected.push_back(expected_text(keys.back(), iv, plain.back()));
      apart.emplace_back(length + 64, 0xcc);
      in_place.push_back(plain.back());
      in_place.back().resize(length + 64, 0xcc);
      texts.push_back({nullptr, iv, nullptr, nullptr, length});
    }
    texts_in_place = texts;
    for (std::size_t i = 0; i < count; ++i) {
      texts[i].key = texts_in_place[i].key = keys[i].data();
      texts[i].from = plain[i].data();
      texts[i].to = apart[i].data();
      texts_in_place[i].from = texts_in_place[i].to = in_place[i].data();
    }
    aes128_counter(texts);
    aes128_counter(texts_in_place);
    for (std::size_t i = 0; i < count; ++i) {
      expected[i].resize(expected[i].size() + 64, 0xcc);
      ASSERT_EQ(to_hex(apart[i]), to_hex(expected[i]))
          << "length " << lengths[first + i] << ", " << i << " of " << count;
      ASSERT_EQ(in_place[i], apart[i]);
    }
    first += count;
  }
}

}  // namespace
}  // namespace sluice::crypto::test
