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
    if (index <= highest && highest - index >= 128) return ReplayVerdict::kTooOld;
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
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127},
                                    std::uint64_t{0xfff0}, kMaxPacketIndex - 500}) {
    for (int round = 0; round < 20; ++round) {
      ReplayWindow window;
      Model model;
      std::uint64_t around = start;
      for (int step = 0; step < 5000; ++step) {
        // Indices are mostly near the edges of the window and of its two words; some steps are large.
        std::uint64_t index = around + random.below(300);
        index -= std::min<std::uint64_t>(index, random.below(200));
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
  for (std::uint64_t by = 1; by <= 300; ++by) {
    ReplayWindow window;
    Model model;
    for (std::uint64_t index = 0; index < 400; index += 3) {
      window.commit(index);
      model.commit(index);
    }
    window.commit(399 + by);
    model.commit(399 + by);
    for (std::uint64_t index = 0; index <= 399 + by + 2; ++index)
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
  EXPECT_EQ(window.check(872), ReplayVerdict::kTooOld);
  EXPECT_EQ(window.check(873), ReplayVerdict::kFresh);
  window.reset();
  EXPECT_EQ(window.check(1000), ReplayVerdict::kFresh);
}

}  // namespace
}  // namespace sluice::crypto::test
