// The forms of load: frames of cameras with different clocks, and a far end that takes 10 Gbit/s.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "bench/gen/frames.h"
#include "bench/gen/wire.h"

namespace sluice::gen {
namespace {

constexpr double kTscHz = 1e9;
constexpr std::uint64_t kBegin = 5'000'000'000;

TEST(Frames, EveryStreamSendsAtItsRate) {
  const FrameLoad load{.streams = 14, .packets = 64, .per_second = 30};
  EXPECT_DOUBLE_EQ(load.rate(), 14 * 64 * 30);
  Frames frames(load, kTscHz, kBegin, 1);
  std::map<std::uint32_t, int> sent;
  for (std::uint64_t now = kBegin; now < kBegin + 10'000'000'000; now += 10'000)
    while (const auto due = frames.next(now, 1'000'000)) {
      EXPECT_FALSE(due->late);
      ++sent[due->stream];
    }
  ASSERT_EQ(sent.size(), 14U);
  int total = 0;
  for (const auto& [stream, count] : sent) {
    EXPECT_NEAR(count, 300, 4) << stream;
    total += count;
  }
  EXPECT_NEAR(total, 14 * 300, 14);
  // No two clocks agree.
  EXPECT_LT(sent[0], sent[13]);
}

TEST(Frames, AFrameThatIsOverdueIsLate) {
  Frames frames({.streams = 1, .packets = 64, .per_second = 30}, kTscHz, kBegin, 1);
  const auto due = frames.next(kBegin + 35'000'000, 1'000'000);
  ASSERT_TRUE(due);
  EXPECT_TRUE(due->late);
}

TEST(Wire, TakesTheBitRateAndNoMore) {
  Wire wire(10, kTscHz);
  wire.idle(kBegin);
  std::uint64_t taken = 0;
  for (std::uint64_t now = kBegin; now < kBegin + 10'000'000; now += 700) {
    const std::size_t room = wire.room(now, 64);
    for (std::size_t i = 0; i < room; ++i) wire.took(1226);
    taken += room;
  }
  // 10 ms of 1,250 bytes on the wire at 10 Gbit/s, a microsecond each.
  EXPECT_NEAR(static_cast<double>(taken), 10'000, 3);
}

TEST(Wire, IdleTimeIsLostAndBusyTimeIsNot) {
  Wire wire(10, kTscHz);
  wire.idle(kBegin);
  wire.took(1226);
  EXPECT_EQ(wire.room(kBegin + 500, 64), 0U);
  wire.idle(kBegin + 1'000'000);
  EXPECT_EQ(wire.room(kBegin + 1'000'000, 64), 1U);
  wire.took(1226);
  // The generator was away for 20 us while packets waited: they would have left.
  EXPECT_NEAR(static_cast<double>(wire.room(kBegin + 1'021'000, 64)), 21, 1);
}

TEST(Wire, WithoutARateItTakesAll) {
  const Wire wire(0, kTscHz);
  EXPECT_FALSE(wire.is_paced());
  EXPECT_EQ(wire.room(kBegin, 64), 64U);
}

}  // namespace
}  // namespace sluice::gen
