// flat_table: compared with std::unordered_map, with keys that spread and keys that collide.
#include "dataplane/base/flat_table.h"

#include <unordered_map>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

struct SpreadKey {
  std::uint64_t value = 0;
  bool operator==(const SpreadKey&) const = default;
  std::uint64_t hash() const { return mix64(value); }
};

// All keys hash to four places around the table's end, so every chain is long and wraps around.
struct CrowdedKey {
  std::uint64_t value = 0;
  bool operator==(const CrowdedKey&) const = default;
  std::uint64_t hash() const { return std::uint64_t{0} - 2 + value % 4; }
};

template <typename Key>
void agree(const FlatTable<Key>& table, const std::unordered_map<std::uint64_t, std::uint32_t>& model,
           std::uint64_t keys) {
  ASSERT_EQ(table.size(), model.size());
  for (std::uint64_t key = 0; key < keys; ++key) {
    const auto found = model.find(key);
    ASSERT_EQ(table.find(Key{key}), found == model.end() ? kNoSlot : found->second) << key;
  }
}

template <typename Key>
void run_against_model(std::size_t capacity, std::uint64_t keys, int operations) {
  Random random(test_seed());
  FlatTable<Key> table(capacity);
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  for (int i = 0; i < operations; ++i) {
    const std::uint64_t key = random() % keys;
    const auto found = model.find(key);
    // The table grows and shrinks in phases, so that the test covers full and empty tables.
    const bool grow = (i / 4096) % 3 != 2;
    switch (random() % 8) {
      case 0:
      case 1:
        ASSERT_EQ(table.find(Key{key}), found == model.end() ? kNoSlot : found->second);
        break;
      case 2:
      case 3:
      case 4:
      case 5:
        if (grow) {
          const auto slot = static_cast<std::uint32_t>(random() % kNoSlot);
          const bool fits = found != model.end() || model.size() < capacity;
          ASSERT_EQ(table.insert(Key{key}, slot), fits);
          if (fits) model[key] = slot;
          break;
        }
        [[fallthrough]];
      default:
        ASSERT_EQ(table.erase(Key{key}), found != model.end());
        if (found != model.end()) model.erase(found);
    }
    ASSERT_EQ(table.size(), model.size());
    if (i % (operations / 64) == 0) {
      ASSERT_NO_FATAL_FAILURE(agree(table, model, keys));
    }
  }
  ASSERT_NO_FATAL_FAILURE(agree(table, model, keys));
}

TEST(FlatTableTest, AMillionRandomOperations) {
  SEED_TRACE();
  run_against_model<SpreadKey>(1000, 2500, 1'000'000);
}

TEST(FlatTableTest, CrowdedKeys) {
  SEED_TRACE();
  run_against_model<CrowdedKey>(64, 160, 300'000);
}

TEST(FlatTableTest, CapacitiesThatAreNoPowersOfTwo) {
  SEED_TRACE();
  for (const std::size_t capacity : {1u, 2u, 7u, 8u, 9u, 31u, 33u})
    run_against_model<CrowdedKey>(capacity, capacity * 3, 6400);
}

TEST(FlatTableTest, FullRefusesTheNewAndReplacesTheOld) {
  FlatTable<CrowdedKey> table(16);
  for (std::uint32_t i = 0; i < 16; ++i) ASSERT_TRUE(table.insert({i}, i));
  EXPECT_FALSE(table.insert({16}, 16));
  EXPECT_EQ(table.find({16}), kNoSlot);
  EXPECT_TRUE(table.insert({3}, 333));
  EXPECT_EQ(table.find({3}), 333u);
  EXPECT_EQ(table.size(), 16u);
  EXPECT_TRUE(table.erase({3}));
  EXPECT_FALSE(table.erase({3}));
  EXPECT_TRUE(table.insert({16}, 16));
  EXPECT_EQ(table.find({16}), 16u);
  for (std::uint32_t i = 0; i < 16; ++i) {
    if (i == 3) continue;
    EXPECT_EQ(table.find({i}), i);
  }
}

TEST(FlatTableTest, KeysOfTheWorkerTellAllTheirPartsApart) {
  const auto v4 = config::IpAddress::v4(198, 18, 0, 1);
  auto v6 = *config::IpAddress::parse("2001:db8::1");
  FlatTable<FiveTuple> tuples(16);
  std::uint32_t slot = 0;
  // An IPv6 address that begins with the bytes of the IPv4 address is another key.
  auto look_alike = v4;
  look_alike.family = config::IpFamily::kIpv6;
  auto other_half = v6;
  other_half.bytes[3] ^= 1;
  const std::vector<FiveTuple> keys{{{v4, 1}, 2},         {{v4, 2}, 1},         {{v4, 1}, 3},
                                    {{v4, 4}, 2},         {{look_alike, 1}, 2}, {{v6, 1}, 2},
                                    {{other_half, 1}, 2}, {{v4, 1}, 2, 1}};
  for (const FiveTuple& key : keys) ASSERT_TRUE(tuples.insert(key, slot++));
  for (std::uint32_t i = 0; i < keys.size(); ++i) EXPECT_EQ(tuples.find(keys[i]), i);
  EXPECT_EQ(tuples.size(), keys.size());

  FlatTable<SsrcKey> ssrcs(16);
  ASSERT_TRUE(ssrcs.insert({1, 2}, 12));
  ASSERT_TRUE(ssrcs.insert({2, 1}, 21));
  EXPECT_EQ(ssrcs.find({1, 2}), 12u);
  EXPECT_EQ(ssrcs.find({2, 1}), 21u);
  EXPECT_EQ(ssrcs.find({1, 1}), kNoSlot);
}

}  // namespace
}  // namespace sluice::dataplane::test
