// Compares packet_index with its definition (the nearest index with these low bits) by brute force, and with
// libsrtp.
#include "crypto/srtp/packet_index.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

/// The nearest of three indices with these low 16 bits: with the ROC before, the same ROC and the ROC after,
/// when they exist. At equal distance the one with the same ROC.
std::uint64_t nearest(std::uint64_t highest, std::uint16_t sequence) {
  const std::uint64_t roc = highest >> 16;
  const auto distance = [&](std::uint64_t index) {
    return index > highest ? index - highest : highest - index;
  };
  std::uint64_t best = (roc << 16) | sequence;
  if (roc > 0 && distance(((roc - 1) << 16) | sequence) < distance(best)) best = ((roc - 1) << 16) | sequence;
  if (roc < 0xffffffffu && distance(((roc + 1) << 16) | sequence) < distance(best))
    best = ((roc + 1) << 16) | sequence;
  return best;
}

TEST(PacketIndex, IsTheNearestForEverySequenceNumber) {
  for (const std::uint64_t roc : {0ull, 1ull, 2ull, 0x7fffffffull, 0xfffffffeull, 0xffffffffull}) {
    for (const std::uint64_t last : {0u, 1u, 2u, 0x7ffeu, 0x7fffu, 0x8000u, 0x8001u, 0xfffeu, 0xffffu}) {
      const std::uint64_t highest = roc << 16 | last;
      for (std::uint32_t sequence = 0; sequence <= 0xffff; ++sequence) {
        const auto s = static_cast<std::uint16_t>(sequence);
        ASSERT_EQ(estimate_packet_index(highest, s), nearest(highest, s))
            << "highest " << highest << " sequence " << s;
      }
    }
  }
}

TEST(PacketIndex, NeverLeavesTheRangeOfIndices) {
  EXPECT_EQ(estimate_packet_index(5, 0xfff0), 0xfff0u);  // not before 0
  EXPECT_EQ(estimate_packet_index(kMaxPacketIndex, 3), (0xffffffffull << 16) | 3);
  EXPECT_EQ(estimate_packet_index(kMaxPacketIndex, 0xffff), kMaxPacketIndex);
}

// libsrtp shows its estimate when it accepts a packet: only a packet sealed with the ROC that it estimates is
// authentic.
TEST(PacketIndex, AgreesWithLibsrtp) {
  SEED_TRACE();
  Random random(1);
  const MasterKey master = random_master(random, SrtpProfile::kAesCm128HmacSha1_80);
  constexpr std::uint32_t kSsrc = 77;
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t roc = random.between(0, 3);
    constexpr std::array<std::uint64_t, 6> kLasts{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    const std::uint64_t last = random.one_in(2) ? kLasts[random.below(kLasts.size())] : random.below(0x10000);
    const std::uint64_t highest = roc << 16 | last;
    const auto sequence =
        static_cast<std::uint16_t>(random.one_in(2) ? random.word() : last + 0x8000 + random.below(5) - 2);
    const std::uint64_t index = estimate_packet_index(highest, sequence);
    if (index == highest || (index < highest && highest - index > 0x7000))
      continue;  // outside the window of libsrtp

    Oracle receiver(master, kSsrc, 0x7fff);
    receiver.set_roc(static_cast<std::uint32_t>(roc));
    const Bytes first = random_rtp(random, kSsrc, highest, 20).bytes;
    ASSERT_FALSE(receiver.unprotect(oracle_protect(master, kSsrc, highest, first)).empty());
    receiver.set_roc(0);  // 0 means none given: estimate
    const Bytes second = random_rtp(random, kSsrc, index, 20).bytes;
    EXPECT_EQ(receiver.unprotect(oracle_protect(master, kSsrc, index, second)), second)
        << "highest " << highest << " sequence " << sequence << " libsrtp status " << receiver.status();
  }
}

}  // namespace
}  // namespace sluice::crypto::test
