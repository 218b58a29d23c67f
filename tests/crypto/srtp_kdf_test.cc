// Compares srtp_kdf with the published vectors: RFC 3711 appendix B.2 and B.3, RFC 6188 7.2 (AES-256).
#include "crypto/srtp/srtp_kdf.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

std::string derived(std::string_view key, std::string_view salt, KdfLabel label, std::size_t length) {
  Bytes out(length, 0xee);
  EXPECT_TRUE(derive_key(from_hex(key), from_hex(salt), label, out));
  return to_hex(out);
}

TEST(SrtpKdf, Rfc3711AppendixB3) {
  constexpr std::string_view kKey = "E1F97A0D3E018BE0D64FA32C06DE4139";
  constexpr std::string_view kSalt = "0EC675AD498AFEEBB6960B3AABE6";
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpEncryption, 16), "c61e7a93744f39ee10734afe3ff7a087");
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpSalt, 14), "30cbbc08863d8c85d49db34a9ae1");
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpAuthentication, 94),
            "cebe321f6ff7716b6fd4ab49af256a15"
            "6d38baa48f0a0acf3c34e2359e6cdbce"
            "e049646c43d9327ad175578ef7227098"
            "6371c10c9a369ac2f94a8c5fbcdddc25"
            "6d6e919a48b610ef17c2041e47403576"
            "6b68642c59bbfc2f34db60dbdfb2");
}

// The PRF is AES-CM itself. With label 0 and the session salt of B.2 it gives the keystream of that appendix.
// In the last blocks of that keystream the second byte of the block counter changes.
TEST(SrtpKdf, Rfc3711AppendixB2Keystream) {
  Bytes stream(0xff02 * 16);
  ASSERT_TRUE(derive_key(from_hex("2B7E151628AED2A6ABF7158809CF4F3C"),
                         from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), KdfLabel::kRtpEncryption, stream));
  const auto block = [&](std::size_t counter) { return to_hex(std::span(stream).subspan(counter * 16, 16)); };
  EXPECT_EQ(block(0), "e03ead0935c95e80e166b16dd92b4eb4");
  EXPECT_EQ(block(1), "d23513162b02d0f72a43a2fe4a5f97ab");
  EXPECT_EQ(block(2), "41e95b3bb0a2e8dd477901e4fca894c0");
  EXPECT_EQ(block(0xfeff), "ec8cdf7398607cb0f2d21675ea9ea1e4");
  EXPECT_EQ(block(0xff00), "362b7c3c6773516318a077d7fc5073ae");
  EXPECT_EQ(block(0xff01), "6a2cc3787889374fbeb4c81b17ba6c44");
}

TEST(SrtpKdf, Rfc6188Section72) {
  constexpr std::string_view kKey = "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6";
  constexpr std::string_view kSalt = "3b04803de51ee7c96423ab5b78d2";
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpEncryption, 32),
            "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpSalt, 14), "fa31791685ca444a9e07c6c64e93");
  EXPECT_EQ(derived(kKey, kSalt, KdfLabel::kRtpAuthentication, 20),
            "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
}

TEST(SrtpKdf, ShortSaltIsTheUpperBitsOfALongOne) {
  constexpr std::string_view kKey = "000102030405060708090a0b0c0d0e0f";
  for (const KdfLabel label : {KdfLabel::kRtpEncryption, KdfLabel::kRtcpSalt})
    EXPECT_EQ(derived(kKey, "a0a1a2a3a4a5a6a7a8a9aaab", label, 40),
              derived(kKey, "a0a1a2a3a4a5a6a7a8a9aaab0000", label, 40));
}

TEST(SrtpKdf, SixLabelsGiveSixKeys) {
  Random random(3);
  SessionKeys keys;
  ASSERT_TRUE(derive_session_keys(random_master(random, SrtpProfile::kAesCm128HmacSha1_80), keys));
  const auto head = [](std::span<const std::uint8_t> bytes) { return to_hex(bytes.first(14)); };
  const std::set<std::string> all{
      head(keys.rtp_key.bytes()),  head(keys.rtp_authentication.bytes()),  head(keys.rtp_salt.bytes()),
      head(keys.rtcp_key.bytes()), head(keys.rtcp_authentication.bytes()), head(keys.rtcp_salt.bytes())};
  EXPECT_EQ(all.size(), 6u);
  EXPECT_EQ(keys.rtp_key.size(), 16u);
  EXPECT_EQ(keys.rtp_authentication.size(), 20u);
  EXPECT_EQ(keys.rtp_salt.size(), 14u);
}

TEST(SrtpKdf, AeadHasNoAuthenticationKeys) {
  Random random(4);
  SessionKeys keys;
  ASSERT_TRUE(derive_session_keys(random_master(random, SrtpProfile::kAeadAes256Gcm), keys));
  EXPECT_EQ(keys.rtp_key.size(), 32u);
  EXPECT_EQ(keys.rtcp_salt.size(), 12u);
  EXPECT_TRUE(keys.rtp_authentication.empty());
  EXPECT_TRUE(keys.rtcp_authentication.empty());
}

TEST(SrtpKdf, RefusesKeysOfOtherLengths) {
  for (const SrtpProfile profile : kAllSrtpProfiles) {
    const SrtpProfileInfo info = profile_info(profile);
    for (const int wrong : {-1, 1}) {
      MasterKey master;
      master.profile = profile;
      master.key.assign(Bytes(static_cast<std::size_t>(info.key_length + (wrong < 0 ? -1 : 0)), 1));
      master.salt.assign(Bytes(static_cast<std::size_t>(info.salt_length + (wrong < 0 ? 0 : -1)), 1));
      SessionKeys keys;
      keys.rtp_key.assign(Bytes(16, 7));
      EXPECT_FALSE(derive_session_keys(master, keys)) << info.name;
      EXPECT_TRUE(keys.rtp_key.empty());
    }
  }
  Bytes out(16, 0xee);
  EXPECT_FALSE(derive_key(Bytes(24, 1), Bytes(14, 1), KdfLabel::kRtpSalt, out));
  EXPECT_EQ(out, Bytes(16, 0));
}

}  // namespace
}  // namespace sluice::crypto::test
