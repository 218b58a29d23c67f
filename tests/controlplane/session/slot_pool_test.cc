// slot_pool: generations, refusal of stale references, bounds.
#include "controlplane/session/slot_pool.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace sluice::control {
namespace {

TEST(SlotPool, GivesEachSlotOnce) {
  SlotPool pool(100);
  std::set<std::uint32_t> slots;
  for (int i = 0; i < 100; ++i) {
    const auto ref = pool.acquire();
    ASSERT_TRUE(ref);
    EXPECT_LT(ref->slot, 100u);
    EXPECT_NE(ref->generation, 0u) << "zeroed memory has generation 0";
    slots.insert(ref->slot);
  }
  EXPECT_EQ(slots.size(), 100u);
  EXPECT_FALSE(pool.acquire());
  EXPECT_EQ(pool.used(), 100u);
}

TEST(SlotPool, NewTenantHasNewGeneration) {
  SlotPool pool(1);
  const auto first = pool.acquire();
  ASSERT_TRUE(pool.release(*first));
  const auto second = pool.acquire();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->slot, first->slot);
  EXPECT_NE(second->generation, first->generation);
  EXPECT_FALSE(pool.holds(*first));
  EXPECT_TRUE(pool.holds(*second));
}

TEST(SlotPool, RefusesStaleAndSecondRelease) {
  SlotPool pool(2);
  const auto first = pool.acquire();
  ASSERT_TRUE(pool.release(*first));
  EXPECT_FALSE(pool.release(*first));
  const auto second = pool.acquire();
  EXPECT_FALSE(pool.release(*first)) << "would free the slot of the next object";
  EXPECT_TRUE(pool.holds(*second));
  EXPECT_FALSE(pool.release({7, 1}));
  EXPECT_FALSE(pool.release({}));
  EXPECT_EQ(pool.used(), 1u);
}

TEST(SlotPool, KeepsToWarmSlots) {
  SlotPool pool(1000);
  for (int i = 0; i < 500; ++i) {
    const auto a = pool.acquire();
    const auto b = pool.acquire();
    EXPECT_TRUE(pool.release(*a));
    EXPECT_TRUE(pool.release(*b));
  }
  EXPECT_EQ(pool.high_water(), 2u);
  EXPECT_EQ(pool.used(), 0u);
}

TEST(SlotLease, GivesBackWhatWasNotCommitted) {
  SlotPool pool(2);
  {
    const auto lease = SlotLease::take(pool);
    ASSERT_TRUE(lease);
    EXPECT_TRUE(pool.holds(lease->ref()));
    auto kept = SlotLease::take(pool);
    ASSERT_TRUE(kept);
    EXPECT_FALSE(SlotLease::take(pool)) << "both slots are taken";
    SlotLease moved = std::move(*kept);
    moved.commit();
  }
  EXPECT_EQ(pool.used(), 1u);
}

TEST(SlotLease, AssignmentGivesBackTheFormerSlot) {
  SlotPool pool(2);
  auto lease = SlotLease::take(pool);
  const dataplane::SlotRef first = lease->ref();
  lease = SlotLease::take(pool);
  EXPECT_FALSE(pool.holds(first));
  EXPECT_TRUE(pool.holds(lease->ref()));
  EXPECT_EQ(pool.used(), 1u);
}

}  // namespace
}  // namespace sluice::control
