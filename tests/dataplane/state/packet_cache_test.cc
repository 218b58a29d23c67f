// packet_cache: a kept packet is found, byte for byte, until newer packets have taken its place. No other
// packet is found.
#include "dataplane/state/packet_cache.h"

#include <deque>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

using Packet = std::vector<std::uint8_t>;

Packet packet_of(const CachedKey& key, std::size_t length) {
  Packet packet(length);
  Random random(key.index * 31 + key.stream * 7 + key.tenancy);
  for (auto& byte : packet) byte = static_cast<std::uint8_t>(random());
  return packet;
}

std::span<const std::uint8_t> find(const PacketCache& cache, const CachedKey& key) {
  const CacheLine* place = cache.locate(key);
  return place == nullptr ? std::span<const std::uint8_t>{} : cache.open(place, key);
}

Packet found(const PacketCache& cache, const CachedKey& key) {
  const auto bytes = find(cache, key);
  return {bytes.begin(), bytes.end()};
}

TEST(PacketCacheTest, GivesBackWhatItWasGivenAtEveryLength) {
  PacketCache cache(8);
  cache.warm();
  for (std::size_t length = 1; length <= PacketCache::kMaxPacket; ++length) {
    const CachedKey key{3, 1, length};
    cache.keep(key, packet_of(key, length));
  }
  for (std::size_t length = 1; length <= PacketCache::kMaxPacket; ++length) {
    const CachedKey key{3, 1, length};
    ASSERT_EQ(found(cache, key), packet_of(key, length)) << length << " bytes";
  }
}

TEST(PacketCacheTest, ReadsNothingBeyondThePacket) {
  PacketCache cache(1);
  GuardedRoom room;
  for (std::size_t length = 1; length < 200; ++length) {
    const CachedKey key{1, 1, length};
    cache.keep(key, room.hold(packet_of(key, length)));
    EXPECT_EQ(found(cache, key), packet_of(key, length));
  }
}

TEST(PacketCacheTest, AnotherStreamTenancyOrIndexFindsNothing) {
  PacketCache cache(1);
  const CachedKey key{5, 3, 0x123456789abc};
  cache.keep(key, packet_of(key, 100));
  EXPECT_TRUE(find(cache, {6, 3, key.index}).empty());
  EXPECT_TRUE(find(cache, {5, 5, key.index}).empty()) << "a later stream in the same slot";
  EXPECT_TRUE(find(cache, {5, 3, key.index + 1}).empty());
  EXPECT_TRUE(find(cache, {5, 3, key.index + 0x10000}).empty()) << "the same sequence number, a cycle later";
  EXPECT_FALSE(find(cache, key).empty());
}

TEST(PacketCacheTest, TheOldestMakeRoomAndAreNotFoundAnyMore) {
  PacketCache cache(1);
  constexpr std::size_t kLength = 1200;                           // 20 cache lines with the entry's header
  constexpr std::size_t kFit = (std::size_t{1} << 20) / 64 / 20;  // entries in 1 MiB
  std::size_t lost_early = 0;
  for (std::uint64_t i = 0; i < 10 * kFit; ++i) {
    const CachedKey key{1, 1, i};
    cache.keep(key, packet_of(key, kLength));
    if (i < kFit) continue;
    ASSERT_TRUE(find(cache, {1, 1, i - kFit}).empty()) << i;
    const CachedKey oldest{1, 1, i - (kFit - 2)};
    if (find(cache, oldest).empty()) {
      ++lost_early;  // its bucket was full
    } else {
      ASSERT_EQ(found(cache, oldest), packet_of(oldest, kLength)) << i;
    }
  }
  EXPECT_LT(lost_early, 9 * kFit / 500);
}

TEST(PacketCacheTest, AgreesWithAModelUnderRandomLengthsAndStreams) {
  SEED_TRACE();
  Random random(test_seed());
  PacketCache cache(1);
  std::deque<std::pair<CachedKey, std::size_t>> kept;
  std::size_t lost_early = 0;
  for (std::uint64_t i = 0; i < 40000; ++i) {
    const CachedKey key{static_cast<std::uint32_t>(random() % 50), 1, i};
    const std::size_t length = 200 + random() % 1300;
    cache.keep(key, packet_of(key, length));
    kept.emplace_back(key, length);
    if (kept.size() > 2000) kept.pop_front();
    if (i % 500 != 0) continue;
    std::size_t bytes = 0;
    for (auto at = kept.rbegin(); at != kept.rend(); ++at) {
      bytes += (32 + at->second + 63) / 64 * 64;
      const Packet got = found(cache, at->first);
      if (bytes > (1 << 20)) {
        ASSERT_TRUE(got.empty());
      } else if (!got.empty()) {
        ASSERT_EQ(got, packet_of(at->first, at->second));
      } else if (bytes < (1 << 20) - 4096) {
        ++lost_early;  // its bucket was full
      }
    }
  }
  EXPECT_LT(lost_early, 100u) << "of about 80,000 look-ups";
}

TEST(PacketCacheTest, OfSizeZeroKeepsNothing) {
  PacketCache cache(0);
  cache.warm();
  EXPECT_FALSE(cache.enabled());
  const CachedKey key{1, 1, 1};
  cache.keep(key, packet_of(key, 100));
  EXPECT_TRUE(find(cache, key).empty());
}

TEST(PacketCacheTest, RefusesWhatIsTooLong) {
  PacketCache cache(1);
  const CachedKey key{1, 1, 1};
  cache.keep(key, Packet(PacketCache::kMaxPacket + 1));
  EXPECT_TRUE(find(cache, key).empty());
}

}  // namespace
}  // namespace sluice::dataplane::test
