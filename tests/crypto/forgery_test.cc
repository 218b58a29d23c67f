// Hostile packets: every byte flipped, every length cut. An engine accepts none of them, changes no byte of
// them, and keeps nothing of them: a genuine packet afterwards opens as if they had not come.
#include <gtest/gtest.h>

#include "crypto/libsrtp/libsrtp_context.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/replay_window.h"
#include "crypto/srtp/srtp_bytes.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

class Forgery : public EveryEngineAndProfile {
 protected:
  static constexpr std::uint32_t kSsrc = 0x1badcafe;
  /// Just before a rollover, so that forged sequence numbers lead to estimates with three ROCs.
  static constexpr std::uint64_t kFirst = 0x4fff0;

  void SetUp() override {
    EveryEngineAndProfile::SetUp();
    random_ = std::make_unique<Random>(50);
    master_ = random_master(*random_, profile());
    send_ = std::make_unique<Keys>(engine(), master_, Direction::kSend);
    receive_ = std::make_unique<Keys>(engine(), master_, Direction::kReceive);
  }

  /// The next genuine packet of the stream, sealed.
  Bytes next(std::size_t payload) {
    plain_ = random_rtp(*random_, kSsrc, next_index_, payload);
    return protect(engine(), **send_, plain_, kSsrc, next_index_++).packet;
  }

  /// Does as a worker: estimates the index and takes the header length that the packet claims. Also passes on
  /// a packet that a worker would refuse, with the header length of the genuine packet.
  SrtpStatus attack(const Bytes& forged) {
    std::uint16_t sequence = 0;
    if (forged.size() >= 4) sequence = static_cast<std::uint16_t>(forged[2] << 8 | forged[3]);
    const std::uint64_t highest = window_.started() ? window_.highest() : kFirst;
    std::size_t header = claimed_header_length(forged);
    if (header == 0) header = plain_.header_length;
    const std::uint32_t ssrc = forged.size() >= 12 ? load_be32(forged.data() + 8) : kSsrc;
    const Outcome out =
        unprotect(engine(), **receive_, forged, header, ssrc, estimate_packet_index(highest, sequence));
    EXPECT_EQ(out.packet.size(), forged.size());
    EXPECT_EQ(head_of(out.packet), head_of(forged)) << "the header of a refused packet was changed";
    return out.status;
  }

  void expect_genuine(const Bytes& sealed) {
    const auto sequence = static_cast<std::uint16_t>(sealed[2] << 8 | sealed[3]);
    const std::uint64_t highest = window_.started() ? window_.highest() : kFirst;
    const std::uint64_t index = estimate_packet_index(highest, sequence);
    ASSERT_EQ(window_.check(index), ReplayVerdict::kFresh);
    const Outcome out = unprotect(engine(), **receive_, sealed, plain_.header_length, kSsrc, index);
    ASSERT_EQ(out.status, SrtpStatus::kOk) << "index " << index << ": " << engine().last_error();
    ASSERT_EQ(to_hex(out.packet), to_hex(plain_.bytes));
    window_.commit(index);
  }

  std::unique_ptr<Random> random_;
  MasterKey master_;
  std::unique_ptr<Keys> send_, receive_;
  ReplayWindow window_;
  RtpPacket plain_;
  std::uint64_t next_index_ = kFirst;
};

TEST_P(Forgery, EveryByteOfSrtpFlipped) {
  SEED_TRACE();
  for (const std::size_t payload : {std::size_t{0}, std::size_t{1}, std::size_t{33}, std::size_t{200}}) {
    for (int round = 0; round < 12; ++round) {  // goes past the rollover
      const Bytes sealed = next(payload);
      for (std::size_t at = 0; at < sealed.size(); ++at) {
        Bytes forged = sealed;
        forged[at] ^= static_cast<std::uint8_t>(1u << random_->below(8));
        const SrtpStatus status = attack(forged);
        ASSERT_TRUE(status == SrtpStatus::kAuthFailed || status == SrtpStatus::kMalformed)
            << "byte " << at << " of " << sealed.size() << ": status " << static_cast<int>(status);
      }
      expect_genuine(sealed);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(Forgery, SrtpCutAtEveryLength) {
  SEED_TRACE();
  for (const std::size_t payload : {std::size_t{0}, std::size_t{7}, std::size_t{160}}) {
    const Bytes sealed = next(payload);
    for (std::size_t length = 0; length < sealed.size(); ++length) {
      const SrtpStatus status =
          attack(Bytes(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(length)));
      ASSERT_TRUE(status == SrtpStatus::kAuthFailed || status == SrtpStatus::kMalformed)
          << "length " << length;
    }
    expect_genuine(sealed);
    if (HasFatalFailure()) return;
  }
}

TEST_P(Forgery, EveryByteOfSrtcpFlippedAndEveryLengthCut) {
  SEED_TRACE();
  std::uint32_t index = 0;
  for (const std::size_t length : {std::size_t{8}, std::size_t{28}, std::size_t{96}}) {
    const Bytes plain = random_rtcp(*random_, kSsrc, length);
    const Bytes sealed = protect_rtcp(engine(), **send_, plain, ++index).packet;
    ASSERT_FALSE(sealed.empty());
    const auto attack_rtcp = [&](const Bytes& forged) {
      const Outcome out = unprotect_rtcp(engine(), **receive_, forged);
      EXPECT_EQ(out.packet.size(), forged.size());
      EXPECT_EQ(head_of(out.packet, 8), head_of(forged, 8)) << "the header of a refused packet was changed";
      return out.status;
    };
    for (std::size_t at = 0; at < sealed.size(); ++at) {  // includes the E bit and the index
      for (unsigned bit = 0; bit < 8; ++bit) {
        Bytes forged = sealed;
        forged[at] ^= static_cast<std::uint8_t>(1u << bit);
        ASSERT_EQ(attack_rtcp(forged), SrtpStatus::kAuthFailed) << "byte " << at << " bit " << bit;
      }
    }
    for (std::size_t cut = 0; cut < sealed.size(); ++cut) {
      const SrtpStatus status =
          attack_rtcp(Bytes(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(cut)));
      ASSERT_TRUE(status == SrtpStatus::kAuthFailed || status == SrtpStatus::kMalformed) << "length " << cut;
    }
    const Outcome out = unprotect_rtcp(engine(), **receive_, sealed);
    ASSERT_EQ(out.status, SrtpStatus::kOk);
    ASSERT_EQ(to_hex(out.packet), to_hex(plain));
  }
}

// A genuine packet opened with another ROC or another key.
TEST_P(Forgery, GenuinePacketsElsewhere) {
  SEED_TRACE();
  const Bytes sealed = next(100);
  const std::uint64_t index = next_index_ - 1;
  for (const std::uint64_t other :
       {index + 0x10000, index - 0x10000, index & 0xffff, index | 0xffffffff0000u})
    EXPECT_EQ(unprotect(engine(), **receive_, sealed, plain_.header_length, kSsrc, other).status,
              SrtpStatus::kAuthFailed);
  const Keys stranger(engine(), random_master(*random_, profile()), Direction::kReceive);
  const Outcome out = unprotect(engine(), *stranger, sealed, plain_.header_length, kSsrc, index);
  EXPECT_EQ(out.status, SrtpStatus::kAuthFailed);
  EXPECT_EQ(head_of(out.packet), head_of(sealed));
  expect_genuine(sealed);
}

// Thousands of forged SSRCs. libsrtp alone would keep a stream for each.
TEST_P(Forgery, ManySsrcs) {
  SEED_TRACE();
  const Bytes first = next(20);
  expect_genuine(first);
  for (int i = 0; i < 3000; ++i) {
    Bytes forged = first;
    store_be32(forged.data() + 8, random_->word());
    ASSERT_EQ(attack(forged), SrtpStatus::kAuthFailed);
    Bytes rtcp = random_rtcp(*random_, random_->word(), 60);
    ASSERT_EQ(unprotect_rtcp(engine(), **receive_, rtcp).status, SrtpStatus::kAuthFailed);
  }
  if (kind() == EngineKind::kLibsrtp) {
    const auto* context = static_cast<const LibsrtpContext*>((**receive_).context);
    EXPECT_EQ(context->stream_count(), 1u);
  }
  for (int i = 0; i < 20; ++i) expect_genuine(next(20));
  if (kind() == EngineKind::kLibsrtp) {
    engine().forget(**receive_, kSsrc);
    EXPECT_EQ(static_cast<const LibsrtpContext*>((**receive_).context)->stream_count(), 0u);
  }
}

FOR_EVERY_ENGINE_AND_PROFILE(Forgery);

}  // namespace
}  // namespace sluice::crypto::test
