// Published packets through the engines: RFC 7714 16 and 17, RFC 3711 B.2, RFC 2202, and those in libsrtp's
// documentation.
//
// The vectors of RFC 7714 have session keys. ipsec_mb_engine takes session keys, but libsrtp's public
// interface takes master keys, so these tests check only the cipher of libsrtp with them. The differential
// tests check our engine on libsrtp.
#include <gtest/gtest.h>
#include <srtp2/cipher.h>

#include "crypto/engine_factory.h"
#include "crypto/ipsec_mb/ipsec_mb_engine.h"
#include "crypto/srtp/counter_iv.h"
#include "crypto/srtp/srtp_bytes.h"
#include "crypto/srtp/srtp_kdf.h"
#include "tests/crypto/support.h"

extern "C" {
extern const srtp_cipher_type_t srtp_aes_gcm_128;
extern const srtp_cipher_type_t srtp_aes_gcm_256;
}

namespace sluice::crypto::test {
namespace {

constexpr std::string_view kGcmSalt = "517569642070726f2071756f";  // "Quid pro quo"
constexpr std::string_view kRtpHeader = "8040f17b 8041f8d3 5501a0b2";
constexpr std::string_view kRtpText =
    "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";
constexpr std::string_view kRtcpHeader = "81c8000d 4d617273";
constexpr std::string_view kRtcpText =
    "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
constexpr std::uint32_t kRtpSsrc = 0x5501a0b2;
constexpr std::uint64_t kRtpIndex = 0xf17b;
constexpr std::uint32_t kRtcpIndex = 0x5d4;

struct Rfc7714 {
  SrtpProfile profile;
  const srtp_cipher_type_t* libsrtp_cipher;
  std::string_view key;
  std::string_view rtp;         // 16.x.1: ciphertext and tag
  std::string_view rtp_tag;     // 16.x.3: the tag of a packet without encryption
  std::string_view rtcp;        // 17.1, 17.2: ciphertext, tag and index word
  std::string_view rtcp_clear;  // 17.3, 17.4: tag and index word, E bit 0
};

const Rfc7714 kRfc7714[] = {
    {SrtpProfile::kAeadAes128Gcm, &srtp_aes_gcm_128, "000102030405060708090a0b0c0d0e0f",
     "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833"
     "899d7f27 beb16a91 52cf765e e4390cce",
     "22493f82 d2bce397 e9d79e3b 19aa4216",
     "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded"
     "0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
     "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"},
    {SrtpProfile::kAeadAes256Gcm, &srtp_aes_gcm_256,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b"
     "7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
     "a866d591 0f887463 067ceefe c45215d4",
     "d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047"
     "6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
     "91db4afb feee5a97 8fab4393 ed2615fe 000005d4"}};

Bytes joined(std::string_view head, std::string_view tail) {
  Bytes bytes = from_hex(head);
  const Bytes more = from_hex(tail);
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

/// The engine with session keys, without the key derivation.
class Session {
 public:
  Session(SrtpProfile profile, const SessionKeys& session) : keys_(std::make_unique<SrtpKeys>()) {
    std::string error;
    engine_ = IpsecMbEngine::create(error);
    if (!engine_) throw std::runtime_error(error);
    engine_->expand_session(session, profile, Direction::kSend, *keys_);
  }
  ~Session() { engine_->release(*keys_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  SrtpEngine& engine() { return *engine_; }
  const SrtpKeys& keys() const { return *keys_; }

 private:
  std::unique_ptr<IpsecMbEngine> engine_;
  std::unique_ptr<SrtpKeys> keys_;
};

SessionKeys gcm_session(const Rfc7714& vector) {
  SessionKeys session;
  session.rtp_key.assign(from_hex(vector.key));
  session.rtcp_key.assign(from_hex(vector.key));
  session.rtp_salt.assign(from_hex(kGcmSalt));
  session.rtcp_salt.assign(from_hex(kGcmSalt));
  return session;
}

TEST(Rfc7714, Section16Srtp) {
  for (const Rfc7714& vector : kRfc7714) {
    SCOPED_TRACE(profile_info(vector.profile).name);
    Session session(vector.profile, gcm_session(vector));
    const Bytes plain = joined(kRtpHeader, kRtpText);
    const Bytes sealed = joined(kRtpHeader, vector.rtp);
    const Outcome out = protect(session.engine(), session.keys(), {plain, 12}, kRtpSsrc, kRtpIndex);
    EXPECT_EQ(out.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(out.packet), to_hex(sealed));
    const Outcome back = unprotect(session.engine(), session.keys(), sealed, 12, kRtpSsrc, kRtpIndex);
    EXPECT_EQ(back.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(back.packet), to_hex(plain));
  }
}

// A tag without encryption: the whole packet counts as header.
TEST(Rfc7714, Section16TagOnly) {
  for (const Rfc7714& vector : kRfc7714) {
    SCOPED_TRACE(profile_info(vector.profile).name);
    Session session(vector.profile, gcm_session(vector));
    const Bytes plain = joined(kRtpHeader, kRtpText);
    const Bytes sealed = joined(to_hex(plain), vector.rtp_tag);
    const Outcome out = protect(session.engine(), session.keys(), {plain, plain.size()}, kRtpSsrc, kRtpIndex);
    EXPECT_EQ(to_hex(out.packet), to_hex(sealed));
    const Outcome back =
        unprotect(session.engine(), session.keys(), sealed, plain.size(), kRtpSsrc, kRtpIndex);
    EXPECT_EQ(back.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(back.packet), to_hex(plain));
  }
}

TEST(Rfc7714, Section17Srtcp) {
  for (const Rfc7714& vector : kRfc7714) {
    SCOPED_TRACE(profile_info(vector.profile).name);
    Session session(vector.profile, gcm_session(vector));
    const Bytes plain = joined(kRtcpHeader, kRtcpText);
    const Bytes sealed = joined(kRtcpHeader, vector.rtcp);
    const Outcome out = protect_rtcp(session.engine(), session.keys(), plain, kRtcpIndex);
    EXPECT_EQ(out.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(out.packet), to_hex(sealed));
    const Outcome back = unprotect_rtcp(session.engine(), session.keys(), sealed);
    EXPECT_EQ(back.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(back.packet), to_hex(plain));
  }
}

TEST(Rfc7714, Section17TagOnlySrtcp) {
  for (const Rfc7714& vector : kRfc7714) {
    SCOPED_TRACE(profile_info(vector.profile).name);
    Session session(vector.profile, gcm_session(vector));
    const Bytes plain = joined(kRtcpHeader, kRtcpText);
    Bytes sealed = joined(to_hex(plain), vector.rtcp_clear);
    const Outcome back = unprotect_rtcp(session.engine(), session.keys(), sealed);
    EXPECT_EQ(back.status, SrtpStatus::kOk);
    EXPECT_EQ(to_hex(back.packet), to_hex(plain));
    sealed[10] ^= 1;
    const Outcome forged = unprotect_rtcp(session.engine(), session.keys(), sealed);
    EXPECT_EQ(forged.status, SrtpStatus::kAuthFailed);
    EXPECT_EQ(head_of(forged.packet, 8), head_of(sealed, 8));
  }
}

TEST(Rfc7714, LibsrtpsCipher) {
  std::string error;
  ASSERT_NE(make_engine(EngineKind::kLibsrtp, error), nullptr) << error;  // starts libsrtp
  for (const Rfc7714& vector : kRfc7714) {
    SCOPED_TRACE(profile_info(vector.profile).name);
    Bytes key = from_hex(vector.key);
    const int key_length = static_cast<int>(key.size()) + 12;
    key.resize(64);
    srtp_cipher_t* cipher = nullptr;
    ASSERT_EQ(srtp_cipher_type_alloc(vector.libsrtp_cipher, &cipher, key_length, 16), srtp_err_status_ok);
    ASSERT_EQ(srtp_cipher_init(cipher, key.data()), srtp_err_status_ok);

    const auto seal = [&](Bytes iv, Bytes aad, Bytes text) {
      EXPECT_EQ(srtp_cipher_set_iv(cipher, iv.data(), srtp_direction_encrypt), srtp_err_status_ok);
      EXPECT_EQ(srtp_cipher_set_aad(cipher, aad.data(), static_cast<std::uint32_t>(aad.size())),
                srtp_err_status_ok);
      auto length = static_cast<std::uint32_t>(text.size());
      text.resize(text.size() + 16);
      EXPECT_EQ(srtp_cipher_encrypt(cipher, text.data(), &length), srtp_err_status_ok);
      std::uint32_t tag_length = 16;
      EXPECT_EQ(srtp_cipher_get_tag(cipher, text.data() + length, &tag_length), srtp_err_status_ok);
      return to_hex(text);
    };
    // The IVs that the RFC prints. write_gcm_iv makes ours from the same salt.
    std::array<std::uint8_t, 14> salt{};
    const Bytes salt_bytes = from_hex(kGcmSalt);
    std::copy(salt_bytes.begin(), salt_bytes.end(), salt.begin());
    Bytes iv(12);
    write_gcm_iv(salt, kRtpSsrc, kRtpIndex, iv.data());
    EXPECT_EQ(to_hex(iv), "51753c6580c2726f20718414");
    EXPECT_EQ(seal(iv, from_hex(kRtpHeader), from_hex(kRtpText)), to_hex(from_hex(vector.rtp)));
    write_gcm_iv(salt, 0x4d617273, kRtcpIndex, iv.data());
    EXPECT_EQ(to_hex(iv), "517524055203726f207170bb");
    const std::string rtcp = to_hex(from_hex(vector.rtcp));
    EXPECT_EQ(seal(iv, joined(kRtcpHeader, "800005d4"), from_hex(kRtcpText)),
              rtcp.substr(0, rtcp.size() - 8));
    srtp_cipher_dealloc(cipher);
  }
}

TEST(Rfc3711, AppendixB2ThroughThePacket) {
  SessionKeys session;
  session.rtp_key.assign(from_hex("2B7E151628AED2A6ABF7158809CF4F3C"));
  session.rtcp_key = session.rtp_key;
  session.rtp_salt.assign(from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
  session.rtcp_salt = session.rtp_salt;
  session.rtp_authentication.assign(Bytes(20, 0));
  session.rtcp_authentication.assign(Bytes(20, 0));
  Session with(SrtpProfile::kAesCm128HmacSha1_80, session);
  Bytes zeros(12 + 48);
  zeros[0] = 0x80;
  const Outcome out = protect(with.engine(), with.keys(), {zeros, 12}, 0, 0);
  ASSERT_EQ(out.status, SrtpStatus::kOk);
  EXPECT_EQ(
      to_hex(std::span(out.packet).subspan(12, 48)),
      "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0");
}

// HMAC-SHA1 case 3 of RFC 2202 is 50 bytes of 0xdd: 46 of header, no payload, and a ROC of 0xdddddddd.
TEST(Rfc2202, Case3ThroughThePacket) {
  SessionKeys session;
  session.rtp_key.assign(Bytes(16, 0));
  session.rtcp_key.assign(Bytes(16, 0));
  session.rtp_authentication.assign(Bytes(20, 0xaa));
  session.rtcp_authentication.assign(Bytes(20, 0xaa));
  const Bytes message(46, 0xdd);
  for (const SrtpProfile profile : {SrtpProfile::kAesCm128HmacSha1_80, SrtpProfile::kAesCm128HmacSha1_32}) {
    Session with(profile, session);
    const Outcome out = protect(with.engine(), with.keys(), {message, 46}, 0xdddddddd, 0xdddddddddddd);
    ASSERT_EQ(out.status, SrtpStatus::kOk);
    const std::string digest = "125d7342b9ac11cd91a39af48aa17b4f63f175d3";
    EXPECT_EQ(to_hex(std::span(out.packet).subspan(46)),
              digest.substr(0, 2u * profile_info(profile).rtp_tag_length));
  }
}

// The packets of libsrtp's srtp_driver, with their master keys. Both engines and libsrtp itself seal and open
// them.
class LibsrtpVectors : public EveryEngineAndProfile {};

TEST_P(LibsrtpVectors, SealAndOpen) {
  struct Vector {
    std::string_view key, salt, rtp, rtcp;
  };
  constexpr std::string_view kCounterRtcp = "7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798";
  const auto vector = [&]() -> Vector {
    constexpr std::string_view kKey = "e1f97a0d3e018be0d64fa32c06de4139",
                               kSalt = "0ec675ad498afeebb6960b3aabe6";
    switch (profile()) {
      case SrtpProfile::kAesCm128HmacSha1_80:
        return {kKey, kSalt, "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb", kCounterRtcp};
      case SrtpProfile::kAesCm128HmacSha1_32:
        return {kKey, kSalt, "4e55dc4ce79978d88ca4d215949d2402b78d6acc", kCounterRtcp};
      case SrtpProfile::kAeadAes128Gcm:
        return {"000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab",
                "c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
                "c98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"};
      // libsrtp has no vector for this profile. This one was computed with libsrtp 2.5.0.
      case SrtpProfile::kAeadAes256Gcm:
        return {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                "a0a1a2a3a4a5a6a7a8a9aaab",
                "0af7f21e8a90bdad7a425c9c31ed4bb1d90238917e7390a2793500e1681acaea",
                "8abfafa780070a90e80f9161cf4aac081ed93aaa53c15b0f3ed1a3b984167b0380000001"};
    }
    __builtin_unreachable();
  }();
  const MasterKey master = master_of(profile(), vector.key, vector.salt);
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  constexpr std::string_view kHeader = "800f1234decafbadcafebabe", kRtcp = "81c8000bcafebabe";
  constexpr std::string_view kText = "abababababababababababababababab";
  constexpr std::uint32_t kSsrc = 0xcafebabe;

  const Bytes plain = joined(kHeader, kText), sealed = joined(kHeader, vector.rtp);
  EXPECT_EQ(to_hex(protect(engine(), *send, {plain, 12}, kSsrc, 0x1234).packet), to_hex(sealed));
  EXPECT_EQ(to_hex(unprotect(engine(), *receive, sealed, 12, kSsrc, 0x1234).packet), to_hex(plain));
  EXPECT_EQ(to_hex(Oracle(master, kSsrc).protect(plain)), to_hex(sealed));

  const Bytes rtcp = joined(kRtcp, kText), sealed_rtcp = joined(kRtcp, vector.rtcp);
  EXPECT_EQ(to_hex(protect_rtcp(engine(), *send, rtcp, 1).packet), to_hex(sealed_rtcp));
  EXPECT_EQ(to_hex(unprotect_rtcp(engine(), *receive, sealed_rtcp).packet), to_hex(rtcp));
  EXPECT_EQ(to_hex(Oracle(master, kSsrc).protect_rtcp(rtcp)), to_hex(sealed_rtcp));
}

FOR_EVERY_ENGINE_AND_PROFILE(LibsrtpVectors);

}  // namespace
}  // namespace sluice::crypto::test
