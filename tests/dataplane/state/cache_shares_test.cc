// cache_shares: a stream with a high rate is bounded, and takes nothing from the others.
#include "dataplane/state/cache_shares.h"

#include <gtest/gtest.h>

namespace sluice::dataplane::test {
namespace {

constexpr std::uint64_t kHz = 1'000'000'000;
constexpr std::uint64_t kWindow = kHz / CacheShares::kWindowsPerSecond;
constexpr std::uint64_t kMib = 1 << 20;

TEST(CacheSharesTest, AStreamHasAnEighthOfTheCacheInAWindow) {
  CacheShares shares(8, kHz);
  std::uint64_t now = 5 * kHz;
  for (int windows = 0; windows < 3; ++windows, now += kWindow) {
    std::uint64_t taken = 0;
    for (int i = 0; i < 4096; ++i)
      if (shares.take(7, 1024, now + static_cast<std::uint64_t>(i))) taken += 1024;
    EXPECT_EQ(taken, kMib);
  }
}

TEST(CacheSharesTest, OthersAreNotRefused) {
  CacheShares shares(8, kHz);
  std::size_t refused = 0;
  for (std::uint64_t windows = 0; windows < 40; ++windows) {
    for (int i = 0; i < 2048; ++i) (void)shares.take(7, 1024, windows * kWindow + kHz);
    for (std::uint32_t stream = 100; stream < 200; ++stream)
      refused += shares.take(stream, 1024, windows * kWindow + kHz) ? 0 : 1;
  }
  EXPECT_LT(refused, 40u) << "of 4,000: those in the bucket of the other one";
}

// Two streams of one bucket are in different ones in the next window.
TEST(CacheSharesTest, NoStreamSharesABucketForLong) {
  CacheShares shares(8, kHz);
  for (std::uint32_t stream = 100; stream < 400; ++stream) {
    std::size_t refused = 0;
    for (std::uint64_t windows = 0; windows < 8; ++windows) {
      const std::uint64_t now = (stream * 8 + windows) * kWindow + kHz;
      for (int i = 0; i < 1025; ++i) (void)shares.take(7, 1024, now);
      refused += shares.take(stream, 1024, now) ? 0 : 1;
    }
    EXPECT_LE(refused, 2u) << stream;
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
