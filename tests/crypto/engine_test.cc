// The rest of the contract of srtp_engine.h: statuses for impossible jobs, expanding and releasing keys, no
// allocation in a batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include "crypto/engine_factory.h"
#include "crypto/libsrtp/libsrtp_backend.h"
#include "crypto/self_test.h"
#include "crypto/srtp/instruction_set.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_bytes.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

using ::testing::HasSubstr;

bool all_zero(const void* memory, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(memory);
  return std::all_of(bytes, bytes + size, [](std::uint8_t byte) { return byte == 0; });
}

class Contract : public EveryEngineAndProfile {
 protected:
  void SetUp() override {
    EveryEngineAndProfile::SetUp();
    master_ = random_master(random_, profile());
  }
  RtpPacket packet(std::uint64_t index, std::size_t payload = 40) {
    return random_rtp(random_, kSsrc, index, payload);
  }
  static constexpr std::uint32_t kSsrc = 3;
  Random random_{70};
  MasterKey master_;
};

TEST_P(Contract, ReleasedKeysAreAllZeroAndRefused) {
  SrtpKeys keys{};
  ASSERT_TRUE(engine().expand(master_, Direction::kSend, keys));
  EXPECT_TRUE(keys.ready);
  EXPECT_EQ(keys.engine, kind());
  EXPECT_EQ(keys.profile, profile());
  EXPECT_EQ(keys.direction, Direction::kSend);
  ASSERT_EQ(protect(engine(), keys, packet(1), kSsrc, 1).status, SrtpStatus::kOk);
  engine().release(keys);
  EXPECT_TRUE(all_zero(&keys, sizeof keys));
  EXPECT_EQ(protect(engine(), keys, packet(2), kSsrc, 2).status, SrtpStatus::kInternal);
  EXPECT_EQ(unprotect(engine(), keys, packet(2).bytes, 12, kSsrc, 2).status, SrtpStatus::kInternal);
  EXPECT_EQ(protect_rtcp(engine(), keys, random_rtcp(random_, kSsrc, 28), 1).status, SrtpStatus::kInternal);
  EXPECT_EQ(unprotect_rtcp(engine(), keys, random_rtcp(random_, kSsrc, 60)).status, SrtpStatus::kInternal);
  EXPECT_THAT(engine().last_error(), HasSubstr("released"));
  engine().release(keys);  // a second release does no harm
}

TEST_P(Contract, KeysOfTheWrongLengthAreRefusedAndWiped) {
  for (const bool wrong_key : {false, true}) {
    MasterKey master = master_;
    if (wrong_key)
      master.key.assign(random_.bytes(info().key_length - 1u));
    else
      master.salt.assign(random_.bytes(info().salt_length - 1u));
    auto keys = std::make_unique<SrtpKeys>();
    std::memset(static_cast<void*>(keys.get()), 0xaa, sizeof *keys);
    keys->ready = false;
    EXPECT_FALSE(engine().expand(master, Direction::kSend, *keys));
    EXPECT_TRUE(all_zero(keys.get(), sizeof *keys));
    EXPECT_THAT(engine().last_error(), HasSubstr("length"));
  }
}

TEST_P(Contract, LengthsThatCannotBe) {
  const Keys keys(engine(), master_, Direction::kReceive);
  Bytes buffer(0x10000 + kTailBytes, 0x80);
  buffer[0] = 0x80;
  for (const int header : {0, 11}) {
    RtpProtectJob seal{&*keys,
                       buffer.data(),
                       buffer.data() + header,
                       0x8080,
                       0x80808080,
                       static_cast<std::uint16_t>(header),
                       20,
                       0,
                       {}};
    engine().protect({&seal, 1});
    EXPECT_EQ(seal.status, SrtpStatus::kMalformed);
  }
  RtpProtectJob too_long{
      &*keys, buffer.data(), buffer.data() + 12, 0x8080, 0x80808080, 12, 0xffff - 12 - 15, 0, {}};
  engine().protect({&too_long, 1});
  EXPECT_EQ(too_long.status, SrtpStatus::kMalformed);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{11}, std::size_t{12}, std::size_t{11} + info().rtp_tag_length}) {
    RtpUnprotectJob open{&*keys, buffer.data(), 0x8080, 0x80808080, 12, static_cast<std::uint16_t>(length),
                         {}};
    engine().unprotect({&open, 1});
    EXPECT_EQ(open.status, SrtpStatus::kMalformed) << length;
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{0xffff - 19}}) {
    RtcpProtectJob seal{&*keys, buffer.data(), 1, static_cast<std::uint16_t>(length), {}};
    engine().protect_rtcp({&seal, 1});
    EXPECT_EQ(seal.status, SrtpStatus::kMalformed) << length;
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{8}, std::size_t{11} + info().rtcp_tag_length}) {
    RtcpUnprotectJob open{&*keys, buffer.data(), static_cast<std::uint16_t>(length), {}};
    engine().unprotect_rtcp({&open, 1});
    EXPECT_EQ(open.status, SrtpStatus::kMalformed) << length;
    std::uint32_t index = 0;
    EXPECT_FALSE(srtcp_index(profile(), std::span(buffer).first(length), index));
  }
}

TEST_P(Contract, TheLongestPackets) {
  const Keys send(engine(), master_, Direction::kSend);
  const Keys receive(engine(), master_, Direction::kReceive);
  RtpPacket longest;
  longest.bytes = random_.bytes(0xffff - kMaxRtpTrailer);
  longest.bytes[0] = 0x80;
  const std::uint64_t index = std::uint64_t{9} << 16 | longest.bytes[2] << 8 | longest.bytes[3];
  std::uint32_t ssrc = 0;
  std::memcpy(&ssrc, longest.bytes.data() + 8, 4);
  ssrc = __builtin_bswap32(ssrc);
  const Outcome sealed = protect(engine(), *send, longest, ssrc, index);
  ASSERT_EQ(sealed.status, SrtpStatus::kOk);
  EXPECT_EQ(sealed.packet, oracle_protect(master_, ssrc, index, longest.bytes));
  const Outcome back = unprotect(engine(), *receive, sealed.packet, 12, ssrc, index);
  EXPECT_EQ(back.status, SrtpStatus::kOk);
  EXPECT_EQ(back.packet, longest.bytes);
}

TEST_P(Contract, IndicesPastTheEndAreExhausted) {
  const Keys keys(engine(), master_, Direction::kSend);
  EXPECT_EQ(protect(engine(), *keys, packet(kMaxPacketIndex), kSsrc, kMaxPacketIndex).status,
            SrtpStatus::kOk);
  EXPECT_EQ(protect(engine(), *keys, packet(kMaxPacketIndex + 1), kSsrc, kMaxPacketIndex + 1).status,
            SrtpStatus::kExhausted);
  const RtpPacket late = packet(kMaxPacketIndex + 1);
  EXPECT_EQ(unprotect(engine(), *keys, late.bytes, late.header_length, kSsrc, kMaxPacketIndex + 1).status,
            SrtpStatus::kExhausted);
  EXPECT_EQ(protect_rtcp(engine(), *keys, random_rtcp(random_, kSsrc, 28), 0x80000000u).status,
            SrtpStatus::kExhausted);
}

TEST_P(Contract, KeysOfOneInstanceServeAnotherOnAnotherThread) {
  const Keys send(engine(), master_, Direction::kSend);
  const Keys receive(engine(), master_, Direction::kReceive);
  std::thread worker([&] {
    const std::unique_ptr<SrtpEngine> own = engine_or_fail(kind());
    for (std::uint64_t index = 0; index < 50; ++index) {
      const RtpPacket plain = packet(index);
      const Outcome sealed = protect(*own, *send, plain, kSsrc, index);
      EXPECT_EQ(sealed.packet, oracle_protect(master_, kSsrc, index, plain.bytes));
      EXPECT_EQ(unprotect(*own, *receive, sealed.packet, plain.header_length, kSsrc, index).packet,
                plain.bytes);
    }
  });
  worker.join();
}

FOR_EVERY_ENGINE_AND_PROFILE(Contract);

TEST(Engine, KeysOfTheOtherEngineAreRefused) {
  Random random(71);
  const std::unique_ptr<SrtpEngine> fast = engine_or_fail(EngineKind::kIpsecMb);
  const std::unique_ptr<SrtpEngine> slow = engine_or_fail(EngineKind::kLibsrtp);
  const MasterKey master = random_master(random, SrtpProfile::kAeadAes128Gcm);
  const Keys of_fast(*fast, master, Direction::kSend), of_slow(*slow, master, Direction::kSend);
  const RtpPacket plain = random_rtp(random, 1, 1, 10);
  EXPECT_EQ(protect(*fast, *of_slow, plain, 1, 1).status, SrtpStatus::kInternal);
  EXPECT_EQ(protect(*slow, *of_fast, plain, 1, 1).status, SrtpStatus::kInternal);
}

TEST(Engine, TheFastOneAllocatesNothingPerBatch) {
  Random random(72);
  const std::unique_ptr<SrtpEngine> engine = engine_or_fail(EngineKind::kIpsecMb);
  std::vector<RtpProtectJob> seal;
  std::vector<RtpUnprotectJob> open;
  std::vector<RtcpProtectJob> seal_rtcp;
  std::vector<RtcpUnprotectJob> open_rtcp;
  std::vector<std::unique_ptr<Keys>> keys;
  std::vector<Bytes> buffers(4 * 200, Bytes(1500, 0x55));
  for (const SrtpProfile profile : kAllSrtpProfiles)
    keys.push_back(std::make_unique<Keys>(*engine, random_master(random, profile), Direction::kSend));
  for (std::size_t i = 0; i < 200; ++i) {
    const SrtpKeys* key = &**keys[i % 4];
    const auto length = static_cast<std::uint16_t>(random.between(60, 1400));
    store_be32(buffers[4 * i].data(), 0x80600000u | static_cast<std::uint32_t>(i));
    store_be32(buffers[4 * i].data() + 8, 1);
    seal.push_back({key,
                    buffers[4 * i].data(),
                    buffers[4 * i].data() + 12,
                    i,
                    1,
                    12,
                    static_cast<std::uint16_t>(length - 12),
                    0,
                    {}});
    open.push_back({key, buffers[4 * i + 1].data(), i, 1, 12, length, {}});
    seal_rtcp.push_back({key, buffers[4 * i + 2].data(), 1, length, {}});
    open_rtcp.push_back({key, buffers[4 * i + 3].data(), length, {}});
  }
  const std::size_t before = allocation_count();
  engine->protect(seal);
  engine->unprotect(open);
  engine->protect_rtcp(seal_rtcp);
  engine->unprotect_rtcp(open_rtcp);
  const std::size_t after = allocation_count();
  EXPECT_EQ(after, before);
  EXPECT_EQ(seal[0].status, SrtpStatus::kOk);
  EXPECT_EQ(open[0].status, SrtpStatus::kAuthFailed);
  const Bytes proof(10);
  EXPECT_GT(allocation_count(), after) << "the counter does not count";
}

TEST(Engine, NamesTheLibraries) {
  EXPECT_EQ(engine_name(EngineKind::kIpsecMb), "ipsec_mb");
  EXPECT_EQ(engine_name(EngineKind::kLibsrtp), "libsrtp");
  EXPECT_THAT(engine_or_fail(EngineKind::kIpsecMb)->description(), HasSubstr("ipsec-mb 1."));
  const std::string slow = engine_or_fail(EngineKind::kLibsrtp)->description();
  EXPECT_THAT(slow, HasSubstr("libsrtp2 2."));
  EXPECT_THAT(slow, HasSubstr(libsrtp_crypto_library()));
  EXPECT_THAT(libsrtp_crypto_library(), ::testing::AnyOf("NSS", "OpenSSL", "mbedtls", "wolfSSL", "built-in"));
}

TEST(Engine, NoKindBeyondTheTwo) {
  std::string error;
  EXPECT_EQ(make_engine(static_cast<EngineKind>(9), error), nullptr);
  EXPECT_FALSE(error.empty());
}

std::size_t profiles_passed(const SelfTestReport& report) {
  return static_cast<std::size_t>(std::count_if(kAllSrtpProfiles.begin(), kAllSrtpProfiles.end(),
                                                [&](SrtpProfile profile) { return report.passed(profile); }));
}

TEST(SelfTest, PassesOnBothEngines) {
  for (const EngineKind kind : {EngineKind::kIpsecMb, EngineKind::kLibsrtp}) {
    const SelfTestReport report = run_self_test(kind);
    EXPECT_EQ(report.engine, kind);
    EXPECT_EQ(report.note, "");
    for (const ProfileSelfTest& test : report.profiles) EXPECT_TRUE(test.passed) << test.reason;
    EXPECT_TRUE(report.passed(SrtpProfile::kAeadAes256Gcm));
    EXPECT_EQ(profiles_passed(report), kAllSrtpProfiles.size());
  }
}

TEST(SelfTest, ReportsWhatFailed) {
  SelfTestReport report;
  for (std::size_t i = 0; i < kAllSrtpProfiles.size(); ++i) report.profiles[i].profile = kAllSrtpProfiles[i];
  EXPECT_EQ(profiles_passed(report), 0u);
  report.profiles[2].passed = true;
  EXPECT_EQ(profiles_passed(report), 1u);
  EXPECT_TRUE(report.passed(SrtpProfile::kAesCm128HmacSha1_80));
  EXPECT_FALSE(report.passed(SrtpProfile::kAeadAes128Gcm));
  const SelfTestReport none = run_self_test(static_cast<EngineKind>(9));
  EXPECT_EQ(profiles_passed(none), 0u);
  EXPECT_THAT(none.profiles[0].reason, HasSubstr("AEAD_AES_128_GCM"));
}

TEST(SelfTest, ChoosesAnEngine) {
  std::string error;
  EXPECT_EQ(choose_engine(std::nullopt, error), EngineKind::kIpsecMb);
  EXPECT_EQ(choose_engine(EngineKind::kLibsrtp, error), EngineKind::kLibsrtp);
  EXPECT_EQ(choose_engine(static_cast<EngineKind>(9), error), std::nullopt);
  EXPECT_THAT(error, HasSubstr("cannot run here"));
}

TEST(SelfTest, PassesWithoutAvx512) {
  limit_instruction_set(InstructionSet::kAvx2);
  const std::string library = engine_or_fail(EngineKind::kIpsecMb)->description();
  const SelfTestReport report = run_self_test(EngineKind::kIpsecMb);
  limit_instruction_set(InstructionSet::kAuto);
  EXPECT_THAT(library, ::testing::Not(HasSubstr("AVX512")));
  EXPECT_EQ(report.library, library);
  EXPECT_EQ(profiles_passed(report), kAllSrtpProfiles.size());
}

TEST(Profile, NamesAndNumbers) {
  for (const SrtpProfile profile : kAllSrtpProfiles) {
    EXPECT_EQ(profile_from_name(profile_info(profile).name), profile);
    EXPECT_EQ(profile_from_dtls_id(profile_info(profile).dtls_id), profile);
  }
  EXPECT_EQ(profile_from_name("AES_CM_128_HMAC_SHA1_81"), std::nullopt);
  EXPECT_EQ(profile_from_dtls_id(0x0005), std::nullopt);  // NULL_HMAC_SHA1_80
}

TEST(Secret, LeavesNothingBehind) {
  alignas(Secret<32>) std::array<std::uint8_t, sizeof(Secret<32>)> memory;
  memory.fill(0xaa);
  auto* secret = new (memory.data()) Secret<32>(Bytes(40, 0x77));
  EXPECT_EQ(secret->size(), 32u);
  Secret<32> moved(std::move(*secret));
  EXPECT_EQ(moved.size(), 32u);
  EXPECT_TRUE(secret->empty());
  EXPECT_TRUE(all_zero(memory.data(), memory.size()));
  *secret = moved;
  EXPECT_EQ(secret->bytes()[31], 0x77);
  secret->assign(Bytes(3, 1));  // no byte of the longer secret may stay
  EXPECT_EQ(secret->size(), 3u);
  EXPECT_TRUE(all_zero(secret->data() + 3, 29));
  secret->~Secret<32>();
  EXPECT_TRUE(all_zero(memory.data(), 32));  // behind these bytes is the size, which is not secret
}

}  // namespace
}  // namespace sluice::crypto::test
