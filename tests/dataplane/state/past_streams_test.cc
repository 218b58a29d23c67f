// past_streams: the newest records of each endpoint and of all are remembered, and nothing else is.
#include "dataplane/state/past_streams.h"

#include <map>
#include <vector>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

StreamPast past_of(std::uint64_t highest) {
  return {highest, static_cast<std::uint32_t>(highest * 3), true, highest % 2 == 0};
}

void expect_known(const PastStreams& streams, const SsrcKey& key, std::uint64_t highest) {
  const StreamPast* found = streams.find(key);
  ASSERT_NE(found, nullptr) << key.endpoint << "/" << key.ssrc;
  EXPECT_EQ(found->rtp_highest, highest);
  EXPECT_EQ(found->rtcp_highest, static_cast<std::uint32_t>(highest * 3));
  EXPECT_EQ(found->has_rtcp, highest % 2 == 0);
}

TEST(PastStreamsTest, AnEndpointKeepsItsNewest) {
  PastStreams streams(10'000, 4);
  for (std::uint32_t ssrc = 0; ssrc < PastStreams::kPerEndpoint + 10; ++ssrc)
    streams.remember({2, ssrc}, past_of(ssrc));
  streams.remember({3, 0}, past_of(7));
  EXPECT_EQ(streams.size(), PastStreams::kPerEndpoint + 1);
  for (std::uint32_t ssrc = 0; ssrc < 10; ++ssrc) EXPECT_EQ(streams.find({2, ssrc}), nullptr);
  for (std::uint32_t ssrc = 10; ssrc < PastStreams::kPerEndpoint + 10; ++ssrc)
    expect_known(streams, {2, ssrc}, ssrc);
  expect_known(streams, {3, 0}, 7);
  streams.forget_endpoint(2);
  EXPECT_EQ(streams.size(), 1u);
  expect_known(streams, {3, 0}, 7);
}

TEST(PastStreamsTest, TheOldestOfAllMakesSpace) {
  PastStreams streams(5, 10);
  for (std::uint32_t endpoint = 0; endpoint < 7; ++endpoint)
    streams.remember({endpoint, 1}, past_of(endpoint));
  EXPECT_EQ(streams.size(), 5u);
  EXPECT_EQ(streams.find({0, 1}), nullptr);
  EXPECT_EQ(streams.find({1, 1}), nullptr);
  for (std::uint32_t endpoint = 2; endpoint < 7; ++endpoint) expect_known(streams, {endpoint, 1}, endpoint);
}

TEST(PastStreamsTest, AgreesWithAMapAtRandom) {
  SEED_TRACE();
  Random random(test_seed());
  PastStreams streams(4096, 8);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> model;
  for (int i = 0; i < 20'000; ++i) {
    const SsrcKey key{static_cast<std::uint32_t>(random() % 8), static_cast<std::uint32_t>(random() % 60)};
    const auto known = model.find({key.endpoint, key.ssrc});
    ASSERT_EQ(streams.find(key) != nullptr, known != model.end());
    if (random() % 200 == 0) {
      streams.forget_endpoint(key.endpoint);
      std::erase_if(model, [&](const auto& item) { return item.first.first == key.endpoint; });
    } else if (known != model.end()) {
      expect_known(streams, key, known->second);
      streams.erase(key);
      model.erase(known);
    } else {
      const std::uint64_t highest = random() % 1'000'000;
      streams.remember(key, past_of(highest));
      model[{key.endpoint, key.ssrc}] = highest;
    }
    ASSERT_EQ(streams.size(), model.size());
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
