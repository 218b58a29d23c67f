// outgoing_ssrcs: no index of an SSRC is assigned twice under one key.
#include "controlplane/session/outgoing_ssrcs.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace sluice::control {
namespace {

using Refusal = OutgoingSsrcs::Refusal;

class OutgoingSsrcsTest : public ::testing::Test {
 protected:
  OutgoingSsrcs::Random random = [this] { return static_cast<std::uint32_t>(generator()); };
  std::mt19937 generator{42};
  Refusal refusal{};
};

TEST_F(OutgoingSsrcsTest, FreshSsrcStartsLow) {
  OutgoingSsrcs ssrcs(1, 100, true);
  for (std::uint32_t i = 2; i < 50; ++i) {
    const auto lease = ssrcs.lease(i, random, refusal);
    ASSERT_TRUE(lease);
    EXPECT_LT(lease->first_index, 1u << 15);
  }
}

TEST_F(OutgoingSsrcsTest, ContinuesAfterTheLastIndex) {
  OutgoingSsrcs ssrcs(1, 100, true);
  const auto first = *ssrcs.lease(1000, random, refusal);
  ssrcs.end(first, first.first_index + 70000);
  const auto second = *ssrcs.lease(1000, random, refusal);
  EXPECT_EQ(second.first_index, first.first_index + 70000);
  ssrcs.end(second, second.first_index);  // this lease sent nothing
  EXPECT_EQ(ssrcs.lease(1000, random, refusal)->first_index, first.first_index + 70000);
}

TEST_F(OutgoingSsrcsTest, AnotherKeyStartsWithARolloverOfZero) {
  OutgoingSsrcs ssrcs(1, 100, true);
  const auto ended = *ssrcs.lease(10, random, refusal);
  ssrcs.end(ended, 70000);
  const auto wrapped = *ssrcs.lease(11, random, refusal);
  ssrcs.end(wrapped, 65536);
  const auto ending = *ssrcs.lease(12, random, refusal);
  auto living = *ssrcs.lease(13, random, refusal);
  ssrcs.restart();
  living = ssrcs.renew(living);
  EXPECT_EQ(ssrcs.lease(10, random, refusal)->first_index, 70000u & 0xffff);
  EXPECT_EQ(ssrcs.lease(11, random, refusal)->first_index, 1u);
  ssrcs.end(ending, 200005);  // an index of the former key
  EXPECT_EQ(ssrcs.lease(12, random, refusal)->first_index, 200005u & 0xffff);
  ssrcs.end(living, 90000);  // an index of the present key
  EXPECT_EQ(ssrcs.lease(13, random, refusal)->first_index, 90000u);
}

// Another node has sent the indices below the given one.
TEST_F(OutgoingSsrcsTest, BeginsWhereItIsTold) {
  OutgoingSsrcs ssrcs(1, 100, true);
  const std::uint64_t told = (std::uint64_t{7} << 16) + 65530;
  const auto lease = ssrcs.lease(1000, random, refusal, told);
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->first_index, told);
  EXPECT_FALSE(lease->is_new) << "the receiver knows the SSRC";
  ssrcs.end(*lease, told);  // this lease sent nothing, and the indices below are spent all the same
  const auto again = ssrcs.lease(1000, random, refusal);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first_index, told);
  ssrcs.end(*again, told + 100);
  EXPECT_FALSE(ssrcs.lease(1000, random, refusal, told + 99));
  EXPECT_EQ(refusal, Refusal::kSpent);
  const auto later = ssrcs.lease(1000, random, refusal, told + 5000);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->first_index, told + 5000);
  EXPECT_FALSE(ssrcs.lease(1000, random, refusal, told + 6000));
  EXPECT_EQ(refusal, Refusal::kTaken);
  EXPECT_FALSE(ssrcs.lease(1001, random, refusal, std::uint64_t{0xffff'0001} << 16));
  EXPECT_EQ(refusal, Refusal::kExhausted);
  ssrcs.end(*later, told + 5000);
  ssrcs.restart();
  EXPECT_EQ(ssrcs.lease(1000, random, refusal)->first_index, (told + 5000) & 0xffff) << "another key";
}

TEST_F(OutgoingSsrcsTest, ForgetsAnSsrcThatNeverSent) {
  OutgoingSsrcs ssrcs(1, 2, true);
  for (std::uint32_t i = 10; i < 100; ++i) {
    const auto lease = ssrcs.lease(i, random, refusal);
    ASSERT_TRUE(lease) << i;
    ssrcs.end(*lease, lease->first_index);
  }
  EXPECT_EQ(ssrcs.remembered(), 0u);
}

TEST_F(OutgoingSsrcsTest, RefusesWhatIsLiveOrOurOwn) {
  OutgoingSsrcs ssrcs(77, 100, true);
  EXPECT_FALSE(ssrcs.lease(77, random, refusal));
  EXPECT_EQ(refusal, Refusal::kTaken);
  ASSERT_TRUE(ssrcs.lease(5, random, refusal));
  EXPECT_FALSE(ssrcs.lease(5, random, refusal));
  EXPECT_EQ(refusal, Refusal::kTaken);
}

TEST_F(OutgoingSsrcsTest, FullMemoryRefusesFreshAndReusesTheLongestRested) {
  OutgoingSsrcs ssrcs(1, 3, true);
  for (const std::uint32_t ssrc : {10u, 11u, 12u}) {
    const auto lease = *ssrcs.lease(ssrc, random, refusal);
    ssrcs.end(lease, lease.first_index + 5);
  }
  EXPECT_FALSE(ssrcs.lease(13, random, refusal));
  EXPECT_EQ(refusal, Refusal::kFull);
  EXPECT_TRUE(ssrcs.lease(12, random, refusal)) << "a remembered SSRC may always continue";
  EXPECT_EQ(ssrcs.lease_any(random)->ssrc, 10u);
  EXPECT_EQ(ssrcs.lease_any(random)->ssrc, 11u);
  EXPECT_FALSE(ssrcs.lease_any(random));
}

TEST_F(OutgoingSsrcsTest, PlainEndpointForgetsInstead) {
  OutgoingSsrcs ssrcs(1, 3, false);
  for (std::uint32_t ssrc = 10; ssrc < 100; ++ssrc) {
    const auto lease = ssrcs.lease(ssrc, random, refusal);
    ASSERT_TRUE(lease);
    ssrcs.end(*lease, lease->first_index + 5);
  }
  EXPECT_EQ(ssrcs.remembered(), 3u);
}

TEST_F(OutgoingSsrcsTest, AnSsrcIsUsedUpAt2To48) {
  OutgoingSsrcs ssrcs(1, 10, true);
  const auto lease = *ssrcs.lease(9, random, refusal);
  ssrcs.end(lease, (std::uint64_t{1} << 48) - 10);
  EXPECT_FALSE(ssrcs.lease(9, random, refusal));
  EXPECT_EQ(refusal, Refusal::kExhausted);
}

TEST_F(OutgoingSsrcsTest, RandomUseNeverRepeatsAnIndex) {
  OutgoingSsrcs ssrcs(1, 16, true);
  std::map<std::uint32_t, std::uint64_t> spent;  // SSRC -> first unused index
  std::vector<OutgoingSsrcs::Lease> live;
  for (int i = 0; i < 20000; ++i) {
    if (live.size() < 8 && generator() % 2 == 0) {
      auto lease = generator() % 2 == 0
                       ? ssrcs.lease_any(random)
                       : ssrcs.lease(static_cast<std::uint32_t>(2 + generator() % 30), random, refusal);
      if (!lease) continue;
      ASSERT_GE(lease->first_index, spent[lease->ssrc]);
      live.push_back(*lease);
    } else if (!live.empty()) {
      std::swap(live[generator() % live.size()], live.back());
      const std::uint64_t sent = generator() % 3 == 0 ? 0 : generator() % 1000;
      ssrcs.end(live.back(), live.back().first_index + sent);
      if (sent != 0) spent[live.back().ssrc] = live.back().first_index + sent;
      live.pop_back();
    }
    ASSERT_LE(ssrcs.remembered(), 16u);
  }
}

}  // namespace
}  // namespace sluice::control
