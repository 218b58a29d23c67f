// stun against the test vectors of RFC 5769, and against every truncation and every flipped byte of them.
#include "controlplane/protocol/ice/stun.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sluice::control {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";

// A heap copy of exactly the message's size, so that AddressSanitizer sees each read past its end.
Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits.push_back(c);
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  bytes.shrink_to_fit();
  return bytes;
}

// RFC 5769 2.1
Bytes sample_request() {
  return from_hex(
      "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 "
      "6e0001ff "
      "80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 "
      "b2d3f249 "
      "c1b571a2 80280004 e57a3bcf");
}

// RFC 5769 2.2
Bytes sample_response_v4() {
  return from_hex(
      "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 "
      "e112a643 "
      "00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96");
}

// RFC 5769 2.3
Bytes sample_response_v6() {
  return from_hex(
      "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147 "
      "0113a9fa "
      "a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c");
}

// RFC 5769 2.4: long-term credentials, no FINGERPRINT.
Bytes sample_long_term() {
  return from_hex(
      "00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000 "
      "0015001c "
      "662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341 0014000b 6578616d 706c652e 6f726700 "
      "00080014 "
      "f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666");
}

TEST(StunView, ReadsTheSampleRequest) {
  const Bytes bytes = sample_request();
  const auto view = StunView::parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->message_class(), StunClass::kRequest);
  EXPECT_EQ(view->method(), kStunBinding);
  EXPECT_EQ(view->username(), "evtj:h6vY");
  EXPECT_EQ(view->software(), "STUN test client");
  EXPECT_EQ(view->priority(), 0x6e0001ffU);
  EXPECT_EQ(view->ice_controlled(), 0x932ff9b151263b36U);
  EXPECT_FALSE(view->ice_controlling());
  EXPECT_FALSE(view->use_candidate());
  EXPECT_TRUE(view->unknown_required().empty());
  EXPECT_TRUE(view->integrity_ok(kPassword));
  EXPECT_TRUE(view->fingerprint_ok());
  EXPECT_FALSE(view->integrity_ok("VOkJxbRl1RmTxUk/WvJxBu"));
  EXPECT_FALSE(view->integrity_ok(""));
}

TEST(StunView, ReadsTheSampleResponses) {
  const Bytes v4 = sample_response_v4();
  const auto view4 = StunView::parse(v4);
  ASSERT_TRUE(view4);
  EXPECT_EQ(view4->message_class(), StunClass::kResponse);
  EXPECT_EQ(view4->software(), "test vector");
  ASSERT_TRUE(view4->xor_mapped_address());
  EXPECT_EQ(view4->xor_mapped_address()->to_string(), "192.0.2.1:32853");
  EXPECT_TRUE(view4->integrity_ok(kPassword));
  EXPECT_TRUE(view4->fingerprint_ok());

  const Bytes v6 = sample_response_v6();
  const auto view6 = StunView::parse(v6);
  ASSERT_TRUE(view6);
  ASSERT_TRUE(view6->xor_mapped_address());
  EXPECT_EQ(view6->xor_mapped_address()->to_string(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
  EXPECT_TRUE(view6->integrity_ok(kPassword));
  EXPECT_TRUE(view6->fingerprint_ok());
}

TEST(StunView, VerifiesLongTermIntegrity) {
  const Bytes bytes = sample_long_term();
  const auto view = StunView::parse(bytes);
  ASSERT_TRUE(view);
  const std::string text =
      "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9:example.org:TheMatrIX";
  std::array<std::uint8_t, 16> key{};
  unsigned length = 0;
  ASSERT_EQ(EVP_Digest(text.data(), text.size(), key.data(), &length, EVP_md5(), nullptr), 1);
  EXPECT_TRUE(view->integrity_ok(std::span<const std::uint8_t>(key)));
  EXPECT_FALSE(view->fingerprint_ok());
}

TEST(StunView, RefusesEveryTruncationAndEveryExtension) {
  for (const Bytes& whole :
       {sample_request(), sample_response_v4(), sample_response_v6(), sample_long_term()}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      cut.shrink_to_fit();
      EXPECT_FALSE(StunView::parse(cut)) << "length " << length;
    }
    for (std::size_t extra = 1; extra <= 8; ++extra) {
      Bytes longer = whole;
      longer.resize(whole.size() + extra);
      EXPECT_FALSE(StunView::parse(longer)) << "extra " << extra;
    }
  }
}

// As above, but the header has the length of the truncated message, so that the cut is in an attribute.
TEST(StunView, TruncationThatTheHeaderAdmitsNeverVerifies) {
  for (const Bytes& whole : {sample_request(), sample_response_v6()}) {
    for (std::size_t length = kStunHeaderBytes; length < whole.size(); length += 4) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      cut.shrink_to_fit();
      cut[2] = static_cast<std::uint8_t>((length - kStunHeaderBytes) >> 8);
      cut[3] = static_cast<std::uint8_t>(length - kStunHeaderBytes);
      const auto view = StunView::parse(cut);
      if (!view) continue;
      EXPECT_FALSE(view->fingerprint_ok()) << "length " << length;
      (void)view->username();
      (void)view->xor_mapped_address();
      (void)view->error_code();
    }
  }
}

TEST(StunView, EveryFlippedByteIsNoticed) {
  for (const Bytes& whole : {sample_request(), sample_response_v4(), sample_response_v6()}) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const int mask : {0x01, 0x80, 0xff}) {
        Bytes flipped = whole;
        flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ mask);
        const auto view = StunView::parse(flipped);
        if (!view) continue;
        EXPECT_FALSE(view->fingerprint_ok() && view->integrity_ok(kPassword))
            << "byte " << i << " mask " << mask;
        // The HMAC covers everything before the FINGERPRINT except the header's length.
        if (i < whole.size() - 32 && i != 2 && i != 3) {
          EXPECT_FALSE(view->integrity_ok(kPassword)) << "byte " << i;
        }
      }
    }
  }
}

TEST(StunView, RandomBytesAreHarmless) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    auto bytes = std::make_unique<Bytes>(kStunHeaderBytes + 4 * (random() % 40));
    for (std::uint8_t& byte : *bytes) byte = static_cast<std::uint8_t>(random());
    (*bytes)[0] &= 0x3f;
    (*bytes)[2] = 0;
    (*bytes)[3] = static_cast<std::uint8_t>(bytes->size() - kStunHeaderBytes);
    const Bytes cookie{0x21, 0x12, 0xa4, 0x42};
    std::copy(cookie.begin(), cookie.end(), bytes->begin() + 4);
    // Short attribute lengths, so that many messages have several attributes.
    for (std::size_t i = kStunHeaderBytes; i + 3 < bytes->size(); i += 8) {
      (*bytes)[i] = static_cast<std::uint8_t>(random() % 2 != 0 ? 0x00 : 0x80);
      (*bytes)[i + 1] &= 0x2f;
      (*bytes)[i + 2] = 0;
      (*bytes)[i + 3] = static_cast<std::uint8_t>(random() % 5);
    }
    const auto view = StunView::parse(*bytes);
    if (!view) continue;
    (void)view->username();
    (void)view->priority();
    (void)view->ice_controlled();
    (void)view->ice_controlling();
    (void)view->xor_mapped_address();
    (void)view->error_code();
    (void)view->software();
    EXPECT_FALSE(view->integrity_ok(kPassword));
  }
}

TEST(StunView, FingerprintMustBeLast) {
  StunWriter writer(StunClass::kRequest, kStunBinding, {});
  writer.add_fingerprint();
  writer.add_u32(StunAttribute::kPriority, 1);
  EXPECT_FALSE(StunView::parse(writer.bytes()));
}

TEST(StunView, IgnoresWhatStandsBehindTheIntegrity) {
  StunWriter writer(StunClass::kRequest, kStunBinding, {});
  writer.add_text(StunAttribute::kUsername, "a:b");
  writer.add_message_integrity("secret");
  writer.add_flag(StunAttribute::kUseCandidate);
  writer.add_u32(static_cast<StunAttribute>(0x7abc), 0);
  writer.add_fingerprint();
  const auto view = StunView::parse(writer.bytes());
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->use_candidate());
  EXPECT_TRUE(view->unknown_required().empty());
  EXPECT_TRUE(view->fingerprint_ok());
  EXPECT_TRUE(view->integrity_ok("secret"));
}

TEST(StunView, NamesUnknownRequiredAttributesOnce) {
  StunWriter writer(StunClass::kRequest, kStunBinding, {});
  writer.add_u32(static_cast<StunAttribute>(0x7001), 1);
  writer.add_u32(static_cast<StunAttribute>(0x7001), 2);
  writer.add_u32(static_cast<StunAttribute>(0x9001), 3);  // comprehension-optional
  for (std::uint16_t type = 0x7100; type < 0x7114; ++type) writer.add_flag(static_cast<StunAttribute>(type));
  const auto view = StunView::parse(writer.bytes());
  ASSERT_TRUE(view);
  ASSERT_EQ(view->unknown_required().size(), kStunMaxUnknown);
  EXPECT_EQ(view->unknown_required()[0], 0x7001);
  EXPECT_EQ(view->unknown_required()[1], 0x7100);
}

TEST(StunView, BoundsTheNumberOfAttributes) {
  StunWriter writer(StunClass::kRequest, kStunBinding, {});
  for (std::size_t i = 0; i < kStunMaxAttributes; ++i) writer.add_flag(StunAttribute::kUseCandidate);
  EXPECT_TRUE(StunView::parse(writer.bytes()));
  writer.add_flag(StunAttribute::kUseCandidate);
  EXPECT_FALSE(StunView::parse(writer.bytes()));
}

TEST(StunView, AttributesOfWrongLengthHaveNoValue) {
  StunWriter writer(StunClass::kRequest, kStunBinding, {});
  const Bytes three{1, 2, 3};
  const Bytes bad_family{0, 3, 1, 1, 9, 9, 9, 9};
  const Bytes bad_error{0, 0, 2, 0};
  writer.add(StunAttribute::kPriority, three);
  writer.add(StunAttribute::kIceControlling, three);
  writer.add(StunAttribute::kXorMappedAddress, bad_family);
  writer.add(StunAttribute::kErrorCode, bad_error);
  writer.add_text(StunAttribute::kUsername, "");
  writer.add(StunAttribute::kMessageIntegrity, three);
  writer.add(StunAttribute::kFingerprint, three);
  const auto view = StunView::parse(writer.bytes());
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->priority());
  EXPECT_FALSE(view->ice_controlling());
  EXPECT_FALSE(view->xor_mapped_address());
  EXPECT_FALSE(view->error_code());
  EXPECT_FALSE(view->username());
  EXPECT_FALSE(view->integrity_ok(kPassword));
  EXPECT_FALSE(view->fingerprint_ok());
  EXPECT_TRUE(view->has(StunAttribute::kPriority));
}

TEST(StunWriter, WritesWhatTheViewReads) {
  const StunTransactionId id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (const StunClass message_class :
       {StunClass::kRequest, StunClass::kIndication, StunClass::kResponse, StunClass::kError}) {
    for (const int m : {0x001, 0x00f, 0x0f0, 0x123, 0xfff}) {
      const auto method = static_cast<std::uint16_t>(m);
      StunWriter writer(message_class, method, id);
      const config::SocketAddress address{*config::IpAddress::parse("2001:db8::9"), 61000};
      const std::array<std::uint16_t, 3> unknown{0x7001, 0x7002, 0x7003};
      writer.add_text(StunAttribute::kUsername, "local:remote!");
      writer.add_text(StunAttribute::kSoftware, "sluice");
      writer.add_u64(StunAttribute::kIceControlling, 0x0123456789abcdef);
      writer.add_flag(StunAttribute::kUseCandidate);
      writer.add_xor_mapped_address(address);
      writer.add_error_code(487, "Role Conflict");
      writer.add_unknown_attributes(unknown);
      writer.add_message_integrity("p");
      writer.add_fingerprint();
      const auto view = StunView::parse(writer.bytes());
      ASSERT_TRUE(view);
      EXPECT_EQ(view->message_class(), message_class);
      EXPECT_EQ(view->method(), method);
      EXPECT_EQ(view->transaction_id(), id);
      EXPECT_EQ(view->username(), "local:remote!");
      EXPECT_EQ(view->ice_controlling(), 0x0123456789abcdefU);
      EXPECT_TRUE(view->use_candidate());
      EXPECT_EQ(view->xor_mapped_address(), address);
      EXPECT_EQ(view->error_code()->code, 487);
      EXPECT_EQ(view->error_code()->reason, "Role Conflict");
      EXPECT_EQ(view->find(StunAttribute::kUnknownAttributes)->size(), 6U);
      EXPECT_TRUE(view->integrity_ok("p"));
      EXPECT_TRUE(view->fingerprint_ok());
    }
  }
}

// The vectors pad with spaces, but RFC 8489 requires zeros, so only their unpadded parts can be reproduced.
TEST(StunWriter, ReproducesTheSampleRequestUpToItsPadding) {
  const Bytes sample = sample_request();
  StunTransactionId id{};
  std::copy_n(sample.begin() + 8, id.size(), id.begin());
  StunWriter writer(StunClass::kRequest, kStunBinding, id);
  writer.add_text(StunAttribute::kSoftware, "STUN test client");
  writer.add_u32(StunAttribute::kPriority, 0x6e0001ff);
  writer.add_u64(StunAttribute::kIceControlled, 0x932ff9b151263b36);
  const Bytes& made = writer.bytes();
  EXPECT_TRUE(std::equal(made.begin() + 4, made.end(), sample.begin() + 4));
}

TEST(Crc32, KnownAnswer) {
  const std::string text = "123456789";
  EXPECT_EQ(crc32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), 0xcbf43926U);
}

}  // namespace
}  // namespace sluice::control
