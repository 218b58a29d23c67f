// transmit_queue: sessions take turns by bytes, the order within a session stays, nothing is lost or doubled,
// and the session with the most packets gives way.
#include "dataplane/state/transmit_queue.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace sluice::dataplane::test {
namespace {

class TransmitQueueTest : public ::testing::Test {
 protected:
  rte_mbuf* packet(std::uint32_t length) {
    packets_.push_back(std::make_unique<rte_mbuf>());
    packets_.back()->pkt_len = length;
    return packets_.back().get();
  }

 private:
  std::vector<std::unique_ptr<rte_mbuf>> packets_;
};

TEST_F(TransmitQueueTest, OneSessionIsAQueue) {
  TransmitQueue queue(16);
  EXPECT_EQ(queue.pop().mbuf, nullptr);
  std::vector<rte_mbuf*> in;
  for (std::uint64_t i = 0; i < 16; ++i) {
    in.push_back(packet(1500));
    EXPECT_EQ(queue.push(in.back(), 7, i), nullptr);
  }
  for (std::uint64_t i = 0; i < 16; ++i) {
    const auto out = queue.pop();
    EXPECT_EQ(out.mbuf, in[i]);
    EXPECT_EQ(out.since, i);
  }
  EXPECT_TRUE(queue.empty());
}

// 1,000 packets of a room wait, then a call sends one: it waits for what the room may send in one round.
TEST_F(TransmitQueueTest, ACallWaitsForOneRound) {
  TransmitQueue queue(2000);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(queue.push(packet(1200), 1, 0), nullptr);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(queue.push(packet(1200), 2, 0), nullptr);
  ASSERT_NE(queue.pop().mbuf, nullptr);
  rte_mbuf* call = packet(200);
  ASSERT_EQ(queue.push(call, 3, 0), nullptr);
  int before = 0;
  while (queue.pop().mbuf != call) ++before;
  EXPECT_LE(before, 4);
}

TEST_F(TransmitQueueTest, SessionsShareByBytes) {
  TransmitQueue queue(4096);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(queue.push(packet(200), 1, 0), nullptr);
    ASSERT_EQ(queue.push(packet(1000), 2, 0), nullptr);
  }
  std::map<std::uint32_t, std::uint64_t> bytes;
  for (int i = 0; i < 1200; ++i) {
    const auto out = queue.pop();
    bytes[out.mbuf->pkt_len] += out.mbuf->pkt_len;
  }
  EXPECT_NEAR(static_cast<double>(bytes[200]), static_cast<double>(bytes[1000]), 4000);
}

TEST_F(TransmitQueueTest, AJumboFrameWaitsForItsCredit) {
  TransmitQueue queue(8);
  rte_mbuf* jumbo = packet(9000);
  rte_mbuf* small = packet(100);
  ASSERT_EQ(queue.push(jumbo, 1, 0), nullptr);
  ASSERT_EQ(queue.push(small, 2, 0), nullptr);
  EXPECT_EQ(queue.pop().mbuf, small);
  EXPECT_EQ(queue.pop().mbuf, jumbo);
}

TEST_F(TransmitQueueTest, TheSessionWithTheMostGivesWay) {
  TransmitQueue queue(100);
  std::vector<rte_mbuf*> room;
  for (int i = 0; i < 99; ++i) {
    room.push_back(packet(1200));
    ASSERT_EQ(queue.push(room.back(), 1, 0), nullptr);
  }
  ASSERT_EQ(queue.push(packet(200), 2, 0), nullptr);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(queue.push(packet(200), 3 + i % 5, 0), room[i]) << "its oldest one";
}

TEST_F(TransmitQueueTest, WhatIsOldIsFoundInEachSession) {
  TransmitQueue queue(200);
  for (std::uint32_t flow = 0; flow < 20; ++flow)
    for (std::uint64_t i = 0; i < 5; ++i)
      ASSERT_EQ(queue.push(packet(100), flow, flow % 2 == 0 ? i : 100), nullptr);
  int old = 0;
  for (int calls = 0; calls < 100; ++calls) old += queue.pop_older_than(50) != nullptr;
  EXPECT_EQ(old, 50);
  EXPECT_EQ(queue.size(), 50u);
  EXPECT_EQ(queue.pop_older_than(50), nullptr);
}

// Against a model: one deque for each session.
TEST_F(TransmitQueueTest, RandomPushesAndPops) {
  std::mt19937 random(1);
  TransmitQueue queue(64);
  std::map<std::uint32_t, std::deque<rte_mbuf*>> model;
  std::map<rte_mbuf*, std::uint32_t> flow_of;
  std::size_t count = 0;
  const auto leaves = [&](rte_mbuf* mbuf) {
    auto& flow = model[flow_of.at(mbuf)];
    ASSERT_FALSE(flow.empty());
    EXPECT_EQ(flow.front(), mbuf) << "not the oldest of its session";
    flow.pop_front();
    --count;
  };
  for (int i = 0; i < 200000; ++i) {
    const auto dice = random() % 16;
    if (dice < 8) {
      const std::uint32_t flow = random() % (dice < 4 ? 3 : 90);
      rte_mbuf* mbuf = packet(60 + random() % 1450);
      flow_of[mbuf] = flow;
      std::size_t most = 0;
      for (const auto& [number, waiting] : model) most = std::max(most, waiting.size());
      rte_mbuf* evicted = queue.push(mbuf, flow, static_cast<std::uint64_t>(i));
      EXPECT_EQ(evicted != nullptr, count == 64);
      if (evicted != nullptr) leaves(evicted);
      model[flow].push_back(mbuf);
      ++count;
    } else if (dice < 15) {
      const auto out = queue.pop();
      EXPECT_EQ(out.mbuf != nullptr, count != 0);
      if (out.mbuf != nullptr) leaves(out.mbuf);
    } else if (rte_mbuf* old = queue.pop_older_than(static_cast<std::uint64_t>(std::max(0, i - 20)))) {
      leaves(old);
    }
    ASSERT_EQ(queue.size(), count);
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
