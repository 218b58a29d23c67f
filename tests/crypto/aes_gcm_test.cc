// Compares our GCM kernel with OpenSSL: every length around the edges of blocks, registers and chunks,
// headers of every length, any number of messages with equal and different lengths. No byte may be written
// past the end.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "crypto/kernels/aes_gcm.h"
#include "crypto/kernels/avx512.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

constexpr std::size_t kBehind = 64;
constexpr std::uint8_t kUntouched = 0xcc;

struct Message {
  Bytes key, aad, plain;
  std::array<std::uint8_t, 16> iv{};  // the first 12 bytes are used
  GcmPowers powers{};
  std::array<std::uint8_t, GcmPowers::kBehind> behind_powers{};
  Bytes expected{};  // ciphertext, kBehind untouched bytes, tag
};

CounterIv block_of(const std::array<std::uint8_t, 16>& iv) {
  CounterIv block;
  std::memcpy(&block, iv.data(), sizeof block);
  return block;
}

Bytes sealed_by_openssl(const Message& message) {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                           EVP_CIPHER_CTX_free);
  Bytes out(message.plain.size());
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, message.key.data(), message.iv.data());
  EVP_EncryptUpdate(context.get(), nullptr, &size, message.aad.data(), static_cast<int>(message.aad.size()));
  EVP_EncryptUpdate(context.get(), out.data(), &size, message.plain.data(),
                    static_cast<int>(message.plain.size()));
  std::array<std::uint8_t, 16> tag;
  EVP_EncryptFinal_ex(context.get(), tag.data(), &size);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, tag.data());
  out.resize(out.size() + kBehind, kUntouched);
  out.insert(out.end(), tag.begin(), tag.end());
  return out;
}

Message random_message(Random& random, std::size_t length, std::size_t aad) {
  Message message{.key = random.bytes(16), .aad = random.bytes(aad), .plain = random.bytes(length)};
  const Bytes iv = random.bytes(12);
  std::copy(iv.begin(), iv.end(), message.iv.begin());
  make_gcm_powers(message.key.data(), message.powers);
  message.expected = sealed_by_openssl(message);
  return message;
}

// Seals and opens the messages, from one buffer to another and in place.
void check(const std::vector<Message>& messages) {
  std::vector<Bytes> apart, in_place;
  for (const Message& message : messages) {
    apart.emplace_back(message.plain.size() + kBehind, kUntouched);
    in_place.push_back(message.plain);
    in_place.back().resize(message.plain.size() + kBehind, kUntouched);
  }
  std::vector<GcmText> texts, texts_in_place;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    texts.push_back({message.key.data(), &message.powers, block_of(message.iv), message.aad.data(),
                     message.plain.data(), apart[i].data(), static_cast<std::uint32_t>(message.plain.size()),
                     static_cast<std::uint32_t>(message.aad.size())});
    texts_in_place.push_back(texts.back());
    texts_in_place.back().from = texts_in_place.back().to = in_place[i].data();
  }
  std::vector<GcmTag> tags(messages.size() + 1), others(messages.size() + 1);
  tags.back().fill(kUntouched);
  aes128_gcm_seal(texts, tags.data());
  aes128_gcm_seal(texts_in_place, others.data());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string what = "length " + std::to_string(messages[i].plain.size()) + ", header " +
                             std::to_string(messages[i].aad.size()) + ", " + std::to_string(i) + " of " +
                             std::to_string(messages.size());
    Bytes sealed = apart[i];
    sealed.insert(sealed.end(), tags[i].begin(), tags[i].end());
    ASSERT_EQ(to_hex(sealed), to_hex(messages[i].expected)) << what;
    ASSERT_EQ(in_place[i], apart[i]) << what;
    ASSERT_EQ(others[i], tags[i]) << what;
  }
  ASSERT_TRUE(std::all_of(tags.back().begin(), tags.back().end(),
                          [](std::uint8_t byte) { return byte == kUntouched; }));
  aes128_gcm_open(texts_in_place, others.data());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(others[i], tags[i]);
    in_place[i].resize(messages[i].plain.size());
    ASSERT_EQ(in_place[i], messages[i].plain);
  }
}

class Gcm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_has_avx512_lanes()) GTEST_SKIP() << "this CPU has no AVX-512 with VAES and VPCLMULQDQ";
  }
};

TEST_F(Gcm, EveryLength) {
  SEED_TRACE();
  Random random(60);
  std::vector<std::size_t> lengths{1200, 1399, 4096, 65000};
  for (std::size_t length = 0; length <= 800; ++length) lengths.push_back(length);
  for (std::size_t first = 0; first < lengths.size();) {
    const std::size_t count = std::min<std::size_t>(lengths.size() - first, random.between(1, 9));
    std::vector<Message> messages;
    for (std::size_t i = 0; i < count; ++i)
      messages.push_back(random_message(random, lengths[first + i], 12));
    check(messages);
    if (HasFatalFailure()) return;
    first += count;
  }
}

TEST_F(Gcm, EveryHeaderLength) {
  SEED_TRACE();
  Random random(61);
  for (std::size_t aad = 1; aad <= 100; ++aad) {
    check({random_message(random, random.below(400), aad), random_message(random, random.below(1400), aad)});
    if (HasFatalFailure()) return;
  }
}

TEST_F(Gcm, EveryCountOfUnlikeLengths) {
  SEED_TRACE();
  Random random(62);
  for (std::size_t count = 1; count <= 20; ++count) {
    std::vector<Message> messages;
    for (std::size_t i = 0; i < count; ++i)
      messages.push_back(random_message(random, random.below(1500), random.between(12, 40)));
    check(messages);
    if (HasFatalFailure()) return;
  }
}

// A test vector of the authors of GCM (case 4): a second oracle beside OpenSSL.
TEST_F(Gcm, PublishedVector) {
  Message message{
      .key = from_hex("feffe9928665731c6d6a8f9467308308"),
      .aad = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
      .plain = from_hex(
          "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
          "a6b525b16aedf5aa0de657ba637b39")};
  const Bytes iv = from_hex("cafebabefacedbaddecaf888");
  std::copy(iv.begin(), iv.end(), message.iv.begin());
  make_gcm_powers(message.key.data(), message.powers);
  message.expected = from_hex(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051b"
      "a30b396a0aac973d58e091");
  message.expected.resize(message.expected.size() + kBehind, kUntouched);
  const Bytes tag = from_hex("5bc94fbc3221a5db94fae95ae7121a47");
  message.expected.insert(message.expected.end(), tag.begin(), tag.end());
  check({message});
}

}  // namespace
}  // namespace sluice::crypto::test
