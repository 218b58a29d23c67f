// port_allocator: disjoint blocks, parity, least recently freed first, halves and pairs.
#include "controlplane/session/port_allocator.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::control {
namespace {

TEST(PortAllocator, BlocksAreDisjointAndCoverTheRange) {
  PortAllocator ports(20000, 20099, 3);
  std::set<std::uint16_t> seen;
  for (std::size_t worker = 0; worker < 3; ++worker) {
    while (const auto port = ports.acquire_single(worker)) {
      EXPECT_EQ(ports.block_of(*port), worker);
      EXPECT_TRUE(seen.insert(*port).second) << *port;
    }
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(*seen.begin(), 20000);
  EXPECT_EQ(*seen.rbegin(), 20099);
  EXPECT_EQ(ports.free(), 0u);
}

TEST(PortAllocator, PairsAreEvenAndOdd) {
  PortAllocator ports(20001, 20010, 1);
  std::set<std::uint16_t> seen;
  while (const auto port = ports.acquire_pair(0)) {
    EXPECT_EQ(*port % 2, 0);
    EXPECT_TRUE(seen.insert(*port).second);
  }
  // 20001 has no even port below it and 20010 no odd one above: they serve as singles.
  EXPECT_EQ(seen, (std::set<std::uint16_t>{20002, 20004, 20006, 20008}));
  EXPECT_EQ(ports.free(), 2u);
  EXPECT_TRUE(ports.acquire_single(0));
  EXPECT_TRUE(ports.acquire_single(0));
  EXPECT_FALSE(ports.acquire_single(0));
  EXPECT_TRUE(ports.release_single(20010));
  EXPECT_EQ(ports.acquire_single(0), 20010);
}

TEST(PortAllocator, LeastRecentlyFreedFirst) {
  PortAllocator ports(20000, 20019, 1);
  const auto first = *ports.acquire_pair(0);
  ASSERT_TRUE(ports.release_pair(first));
  for (int i = 0; i < 9; ++i) EXPECT_NE(*ports.acquire_pair(0), first);
  EXPECT_EQ(*ports.acquire_pair(0), first) << "the pair that was freed last must come last";
}

TEST(PortAllocator, SinglesToo) {
  PortAllocator ports(20000, 20019, 1);
  const auto first = *ports.acquire_single(0);
  ASSERT_TRUE(ports.release_single(first));
  std::set<std::uint16_t> seen;
  for (int i = 0; i < 10; ++i) seen.insert(*ports.acquire_single(0));
  EXPECT_FALSE(seen.contains(first)) << "reused before ports that are free for longer";
}

TEST(PortAllocator, FreeHalvesBecomeAPairAgain) {
  PortAllocator ports(20000, 20003, 1);
  std::vector<std::uint16_t> singles;
  while (const auto port = ports.acquire_single(0)) singles.push_back(*port);
  ASSERT_EQ(singles.size(), 4u);
  EXPECT_FALSE(ports.acquire_pair(0));
  for (const auto port : singles) EXPECT_TRUE(ports.release_single(port));
  EXPECT_TRUE(ports.acquire_pair(0));
  EXPECT_TRUE(ports.acquire_pair(0));
  EXPECT_FALSE(ports.acquire_pair(0));
}

TEST(PortAllocator, SinglesDoNotStarvePairs) {
  PortAllocator ports(20000, 20199, 1);
  // In each round one muxed endpoint stays and another is removed. Free halves of pairs must be used before
  // the last whole pairs.
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(ports.acquire_single(0));
    const auto passing = ports.acquire_single(0);
    ASSERT_TRUE(passing);
    ASSERT_TRUE(ports.release_single(*passing));
  }
  EXPECT_EQ(ports.allocated(), 60u);
  int pairs = 0;
  while (ports.acquire_pair(0)) ++pairs;
  EXPECT_GE(pairs, 24) << "of 100, with 60 singles in use";
}

TEST(PortAllocator, RefusesWhatIsNotGivenOut) {
  PortAllocator ports(20000, 20009, 1);
  EXPECT_FALSE(ports.release_single(20000));
  EXPECT_FALSE(ports.release_pair(20000));
  EXPECT_FALSE(ports.release_single(19999));
  EXPECT_FALSE(ports.release_pair(20010));
  const auto pair = *ports.acquire_pair(0);
  EXPECT_FALSE(ports.release_single(pair));
  EXPECT_FALSE(ports.release_pair(static_cast<std::uint16_t>(pair + 1)));
  EXPECT_TRUE(ports.release_pair(pair));
  EXPECT_FALSE(ports.release_pair(pair));
  EXPECT_EQ(ports.allocated(), 0u);
}

TEST(PortAllocator, LeavesTheIcePortsOut) {
  PortAllocator ports(3470, 3485, 2, 3478, 3479);
  std::set<std::uint16_t> seen;
  for (std::size_t worker = 0; worker < 2; ++worker)
    while (const auto port = ports.acquire_single(worker)) seen.insert(*port);
  EXPECT_EQ(seen.size(), 14u);
  EXPECT_FALSE(seen.contains(3478));
  EXPECT_FALSE(seen.contains(3479));
  EXPECT_FALSE(ports.block_of(3478));
}

TEST(PortAllocator, TopOfTheRange) {
  PortAllocator ports(65530, 65535, 1);
  int singles = 0;
  while (ports.acquire_single(0)) ++singles;
  EXPECT_EQ(singles, 6);
}

// Works for each rule of blocks, also for one that splits a pair.
void use_at_random(PortAllocator ports) {
  std::mt19937 random(7);
  std::vector<std::uint16_t> singles, pairs;
  std::set<std::uint16_t> used;
  for (int i = 0; i < 100000; ++i) {
    const auto worker = random() % 4;
    switch (random() % 4) {
      case 0:
        if (const auto port = ports.acquire_single(worker)) {
          ASSERT_TRUE(used.insert(*port).second);
          ASSERT_EQ(ports.block_of(*port), worker);
          singles.push_back(*port);
        }
        break;
      case 1:
        if (const auto port = ports.acquire_pair(worker)) {
          ASSERT_TRUE(used.insert(*port).second);
          ASSERT_TRUE(used.insert(static_cast<std::uint16_t>(*port + 1)).second);
          pairs.push_back(*port);
        }
        break;
      case 2:
        if (!singles.empty()) {
          std::swap(singles[random() % singles.size()], singles.back());
          ASSERT_TRUE(ports.release_single(singles.back()));
          used.erase(singles.back());
          singles.pop_back();
        }
        break;
      default:
        if (!pairs.empty()) {
          std::swap(pairs[random() % pairs.size()], pairs.back());
          ASSERT_TRUE(ports.release_pair(pairs.back()));
          used.erase(pairs.back());
          used.erase(static_cast<std::uint16_t>(pairs.back() + 1));
          pairs.pop_back();
        }
    }
    ASSERT_EQ(ports.allocated(), used.size());
  }
  for (const auto port : singles) ASSERT_TRUE(ports.release_single(port));
  for (const auto port : pairs) ASSERT_TRUE(ports.release_pair(port));
  std::size_t free_singles = 0;
  for (std::size_t block = 0; block < 4; ++block) free_singles += ports.free_singles(block);
  EXPECT_EQ(free_singles, 151u) << "149 pairs are whole again, and the ends of the range are single";
}

TEST(PortAllocator, RandomUseKeepsItsRecords) {
  use_at_random(PortAllocator(30001, 30300, 4));
}

TEST(PortAllocator, RandomUseKeepsItsRecordsInBlocksOfAnyKind) {
  use_at_random(PortAllocator(30001, 30300, 4, 1, 0, [](std::uint16_t port) { return (port >> 1) % 4; }));
  use_at_random(PortAllocator(30001, 30300, 4, 1, 0, [](std::uint16_t port) { return port * 7 % 4; }));
}

TEST(PortAllocator, ASingleComesFromItsOwnBlock) {
  PortAllocator ports(20000, 20099, 2, 1, 0, [](std::uint16_t port) { return port & 1; });
  EXPECT_FALSE(ports.acquire_single(1)) << "every odd port is half of a pair that is still whole";
  std::set<std::uint16_t> seen;
  while (const auto port = ports.acquire_single(0)) {
    EXPECT_EQ(*port % 2, 0);
    seen.insert(*port);
  }
  while (const auto port = ports.acquire_single(1)) {
    EXPECT_EQ(*port % 2, 1);
    seen.insert(*port);
  }
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace sluice::control
