// spsc_ring: order and bounds with one thread, then with a producer thread and a consumer thread.
#include "dataplane/base/spsc_ring.h"

#include <array>
#include <atomic>
#include <deque>
#include <thread>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

TEST(SpscRingTest, CapacityIsRoundedUp) {
  for (const auto& [asked, given] :
       {std::pair<std::size_t, std::size_t>{0, 2}, {1, 2}, {2, 2}, {3, 4}, {64, 64}, {65, 128}})
    EXPECT_EQ(SpscRing<int>(asked).capacity(), given);
}

TEST(SpscRingTest, AgreesWithAQueue) {
  SEED_TRACE();
  Random random(test_seed());
  for (const std::size_t capacity : {2u, 4u, 64u}) {
    SpscRing<std::uint64_t> ring(capacity);
    std::deque<std::uint64_t> model;
    std::uint64_t next = 0;
    for (int i = 0; i < 100000; ++i) {
      const bool fill = (i / 500) % 2 == 0;
      if (random() % 4 < (fill ? 3u : 1u)) {
        ASSERT_EQ(ring.push(next), model.size() < capacity);
        if (model.size() < capacity) model.push_back(next++);
      } else {
        std::uint64_t got = ~std::uint64_t{0};
        ASSERT_EQ(ring.pop(got), !model.empty());
        if (!model.empty()) {
          ASSERT_EQ(got, model.front());
          model.pop_front();
        } else {
          ASSERT_EQ(got, ~std::uint64_t{0}) << "an empty ring wrote something";
        }
      }
      ASSERT_EQ(ring.free_entries(), capacity - model.size());
      ASSERT_EQ(ring.size(), model.size());
    }
  }
}

struct Wide {
  std::array<std::uint64_t, 12> words;
};

// Every entry arrives once, whole and in order. push() succeeds for as many entries as free_entries() says.
// size() is at most the capacity on both sides.
TEST(SpscRingTest, TwoThreadsAndAnOnlooker) {
  SEED_TRACE();
  constexpr std::uint64_t kEntries = 200'000;
  SpscRing<Wide> ring(64);
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> broken_promises{0};
  std::atomic<std::uint64_t> impossible_sizes{0};

  std::thread producer([&] {
    Random random(test_seed());
    for (std::uint64_t sent = 0; sent < kEntries;) {
      const std::size_t room = ring.free_entries();
      const std::size_t batch = random() % 2 == 0 ? room : room / 2;
      if (batch == 0) std::this_thread::yield();
      for (std::size_t i = 0; i < batch && sent < kEntries; ++i) {
        Wide entry;
        entry.words.fill(sent);
        if (ring.push(entry)) {
          ++sent;
        } else {
          broken_promises.fetch_add(1);
        }
      }
    }
  });
  std::thread onlooker([&] {
    while (!done.load()) {
      for (int i = 0; i < 64; ++i)
        if (ring.size() > ring.capacity()) impossible_sizes.fetch_add(1);
      std::this_thread::yield();
    }
  });
  std::uint64_t expected = 0;
  std::uint64_t torn = 0;
  std::uint64_t out_of_order = 0;
  while (expected < kEntries) {
    Wide entry;
    if (!ring.pop(entry)) {
      std::this_thread::yield();
      continue;
    }
    for (const std::uint64_t word : entry.words) torn += word != entry.words[0];
    out_of_order += entry.words[0] != expected++;
  }
  producer.join();
  done.store(true);
  onlooker.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(out_of_order, 0u);
  EXPECT_EQ(broken_promises.load(), 0u);
  EXPECT_EQ(impossible_sizes.load(), 0u);
  EXPECT_EQ(ring.size(), 0u);
}

}  // namespace
}  // namespace sluice::dataplane::test
