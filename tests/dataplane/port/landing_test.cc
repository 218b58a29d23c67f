// landing: the worker that a UDP port lands on, compared with DPDK's Toeplitz hash and with the rules that
// the hardware gets.
#include "dataplane/port/landing.h"

#include <gtest/gtest.h>
#include <rte_thash.h>

#include <array>
#include <map>
#include <random>
#include <vector>

namespace sluice::dataplane::test {
namespace {

TEST(LandingTest, AgreesWithDpdksHash) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::array<std::uint8_t, 40> key{};
    for (auto& byte : key) byte = static_cast<std::uint8_t>(random());
    for (std::uint32_t port = 0; port < 65536; port += 1 + random() % 50) {
      // rte_softrss takes words in host order. The two bytes of the port are the upper half of a word.
      std::uint32_t word = port << 16;
      ASSERT_EQ(hash_of_port(static_cast<std::uint16_t>(port), key), rte_softrss(&word, 1, key.data()));
    }
  }
}

TEST(LandingTest, AWholeTupleOfWhichOnlyThePortCountsHashesAlikeInItsPlace) {
  // Bit n of the port, counted from the highest, adds bits n to n + 31 of the key.
  const std::array<std::uint8_t, 40> key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2};
  EXPECT_EQ(hash_of_port(0, key), 0u);
  EXPECT_EQ(hash_of_port(0x8000, key), 0x6d5a56dau);
  EXPECT_EQ(hash_of_port(0x4000, key), 0xdab4adb4u);
  EXPECT_EQ(hash_of_port(0xc000, key), 0x6d5a56dau ^ 0xdab4adb4u);
}

TEST(LandingTest, EveryQueueGetsItsShareByHash) {
  const std::array<std::uint8_t, 40> key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                         0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb};
  for (const std::size_t queues : {2u, 3u, 8u, 16u}) {
    std::vector<std::uint16_t> table(128);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::uint16_t>(i % queues);
    std::map<std::uint16_t, std::size_t> even;
    for (std::uint32_t port = 20000; port < 40000; port += 2)
      ++even[hashed_queue(static_cast<std::uint16_t>(port), key, table)];
    ASSERT_EQ(even.size(), queues);
    for (const auto& [queue, count] : even) EXPECT_GT(count, 10000 / queues / 2) << queue << " of " << queues;
  }
}

TEST(LandingTest, RulesSayWhatTheBitsSay) {
  for (std::size_t queues = 1; queues <= 32; ++queues) {
    std::vector<PortRule> rules;
    for (std::size_t i = 0; i <= owner_mask(queues) / 2u; ++i) rules.push_back(owner_rule(i, queues));
    EXPECT_LT(rules.size(), 2 * queues) << "a handful";
    std::vector<std::size_t> ports(queues);
    for (std::uint32_t port = 20000; port < 40000; ++port) {
      int matches = 0;
      for (const PortRule& rule : rules) {
        if ((port & rule.mask) != rule.value) continue;
        ++matches;
        EXPECT_EQ(rule.queue, owner_queue(static_cast<std::uint16_t>(port), queues));
      }
      ASSERT_EQ(matches, 1) << port;
      ASSERT_EQ(owner_queue(static_cast<std::uint16_t>(port), queues),
                owner_queue(static_cast<std::uint16_t>(port ^ 1), queues))
          << "RTP and RTCP of a pair go together";
      ++ports[owner_queue(static_cast<std::uint16_t>(port), queues)];
    }
    for (const std::size_t count : ports) EXPECT_GT(count, 20000 / queues / 2);
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
