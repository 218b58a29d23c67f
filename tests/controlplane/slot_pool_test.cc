// slot_pool: generations, refusal of stale references, bounds.
#include "controlplane/slot_pool.h"

#include <gtest/gtest.h>

#include <set>

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
  EXPECT_FALSE(pool.release(*first)) << "would free the next tenant's slot";
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
    pool.release(*a);
    pool.release(*b);
  }
  EXPECT_EQ(pool.high_water(), 2u);
  EXPECT_EQ(pool.used(), 0u);
}

}  // namespace
}  // namespace sluice::control
