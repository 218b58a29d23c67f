// Compares replay_window with a model that remembers every index.
#include "crypto/srtp/replay_window.h"

#include <gtest/gtest.h>

#include <set>

#include "crypto/srtp/packet_index.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

class Model {
 public:
  ReplayVerdict check(std::uint64_t index) const {
    if (seen_.empty()) return ReplayVerdict::kFresh;
    const std::uint64_t highest = *seen_.rbegin();
    if (index <= highest && highest - index >= 1024) return ReplayVerdict::kTooOld;
    return seen_.contains(index) ? ReplayVerdict::kReplayed : ReplayVerdict::kFresh;
  }
  void commit(std::uint64_t index) { seen_.insert(index); }
  std::uint64_t highest() const { return *seen_.rbegin(); }

 private:
  std::set<std::uint64_t> seen_;
};

TEST(ReplayWindow, AgreesWithTheModel) {
  SEED_TRACE();
  Random random(2);
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023},
                                    std::uint64_t{0xfff0}, kMaxPacketIndex - 5000}) {
    for (int round = 0; round < 20; ++round) {
      ReplayWindow window;
      Model model;
      std::uint64_t around = start;
      for (int step = 0; step < 5000; ++step) {
        // Now and then the stream runs in order for long: the bits of before must not come back.
        for (std::uint64_t run = random.one_in(200) ? random.below(2500) : 0;
             run != 0 && window.started() && window.highest() < kMaxPacketIndex; --run) {
          window.commit_next();
          model.commit(window.highest());
          around = window.highest();
        }
        // Indices are mostly near the edges of the window; some steps are large.
        std::uint64_t index = around + random.below(40);
        index -= std::min<std::uint64_t>(index, random.below(random.one_in(3) ? 1100 : 90));
        if (random.one_in(50)) index += random.below(70000);
        index = std::min(index, kMaxPacketIndex);
        const ReplayVerdict verdict = window.check(index);
        ASSERT_EQ(verdict, model.check(index)) << "index " << index << " step " << step;
        if (verdict == ReplayVerdict::kFresh && random.one_in(2)) {  // half of them fail authentication
          window.commit(index);
          model.commit(index);
          ASSERT_EQ(window.highest(), model.highest());
          around = model.highest();
        }
      }
    }
  }
}

TEST(ReplayWindow, EveryDistanceAtTheEdges) {
  for (std::uint64_t by = 1; by <= 1200; by += by < 130 || by > 1000 ? 1 : 13) {
    ReplayWindow window;
    Model model;
    for (std::uint64_t index = 0; index < 1500; index += 3) {
      window.commit(index);
      model.commit(index);
    }
    window.commit(1499 + by);
    model.commit(1499 + by);
    for (std::uint64_t index = 0; index <= 1499 + by + 2; ++index)
      ASSERT_EQ(window.check(index), model.check(index)) << "moved by " << by << ", index " << index;
  }
}

TEST(ReplayWindow, CheckingMovesNothingAndResetForgets) {
  ReplayWindow window;
  EXPECT_FALSE(window.started());
  EXPECT_EQ(window.check(1000), ReplayVerdict::kFresh);
  EXPECT_FALSE(window.started());
  window.commit(1000);
  EXPECT_EQ(window.check(900), ReplayVerdict::kFresh);
  EXPECT_EQ(window.check(900), ReplayVerdict::kFresh);
  EXPECT_EQ(window.check(100000), ReplayVerdict::kFresh);
  EXPECT_EQ(window.highest(), 1000u);
  EXPECT_EQ(window.check(1000), ReplayVerdict::kReplayed);
  window.commit(2000);
  EXPECT_EQ(window.check(976), ReplayVerdict::kTooOld);
  EXPECT_EQ(window.check(977), ReplayVerdict::kFresh);
  window.reset();
  EXPECT_FALSE(window.started());
  EXPECT_EQ(window.check(1000), ReplayVerdict::kFresh);
  window.commit(0);
  EXPECT_TRUE(window.started());
  EXPECT_EQ(window.check(0), ReplayVerdict::kReplayed);
}

TEST(ReplayWindow, WhatItRestoresIsSpent) {
  ReplayWindow window;
  window.restore(5000);
  for (const std::uint64_t index : {4000u, 4500u, 5000u})
    EXPECT_EQ(window.check(index), ReplayVerdict::kReplayed);
  EXPECT_EQ(window.check(3976), ReplayVerdict::kTooOld);
  window.commit(5003);
  EXPECT_EQ(window.check(5000), ReplayVerdict::kReplayed);
  EXPECT_EQ(window.check(5001), ReplayVerdict::kFresh);
}

}  // namespace
}  // namespace sluice::crypto::test
