// Sources with many routes: their copies are made over several turns, between other work, and nothing is lost
// or out of order when routes come and go meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kMostCopies = 1024;  // of one turn
constexpr std::uint16_t kKeyFrame = 64;

using Numbers = std::vector<std::uint16_t>;

class LargeFanoutTest : public ::testing::Test {
 protected:
  LargeFanoutTest() : plane(crypto::EngineKind::kIpsecMb, 1, 1024, false, 16384) {}

  struct Room {
    Peer publisher;
    std::uint32_t source = 0;
    std::vector<Peer> receivers;
    std::vector<std::uint32_t> routes;
  };
  Room room(std::size_t receivers) {
    Room made;
    made.publisher = plane.add_peer();
    made.source = plane.add_source(made.publisher, {});
    for (std::size_t i = 0; i < receivers; ++i) join(made);
    return made;
  }
  void join(Room& at) {
    at.receivers.push_back(plane.add_peer());
    at.routes.push_back(plane.add_route(at.source, at.receivers.back(), {}));
  }
  void leave(Room& at, std::size_t i) {
    Command remove;
    remove.kind = CommandKind::kRemoveRoute;
    remove.ref = {at.routes[i], plane.memory().routes[at.routes[i]].generation};
    EXPECT_TRUE(plane.memory().commands.push(remove));
  }
  void send(const Room& from, std::uint16_t first, std::uint16_t count) {
    std::vector<Bytes> frames;
    for (std::uint16_t i = 0; i < count; ++i)
      frames.push_back(
          plane.frame_from(from.publisher, make_rtp({.sequence = static_cast<std::uint16_t>(first + i)})));
    plane.deliver_frames(frames);
  }
  /// One turn; adds what each receiver heard, by its UDP port. Returns the number of copies made.
  std::uint64_t turn(std::map<std::uint16_t, Numbers>& heard) {
    const std::uint64_t before = plane.counters().copies.read();
    plane.turn();
    for (const Sent& sent : plane.take(SIZE_MAX))
      if (sent.payload.size() > 12 && (sent.payload[1] & 0x7f) == 96)
        heard[sent.layers.destination_port].push_back(load_be16(sent.payload.data() + 2));
    return plane.counters().copies.read() - before;
  }
  bool is_idle() { return plane.worker().state().fanouts.empty(); }

  Harness plane;
};

Numbers without_repetitions(Numbers numbers) {
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

bool is_continuous(const Numbers& numbers) {
  for (std::size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] != static_cast<std::uint16_t>(numbers[i - 1] + 1)) return false;
  return true;
}

TEST_F(LargeFanoutTest, ATurnIsBoundedAndACallGoesBetween) {
  const Room large = room(200);
  const Peer caller = plane.add_peer();
  const Peer callee = plane.add_peer();
  plane.add_route(plane.add_source(caller, {}), callee, {});
  std::map<std::uint16_t, Numbers> heard;
  send(large, 1, 40);
  int turns = 0;
  for (; !is_idle(); ++turns) {
    plane.deliver(caller, make_rtp({.ssrc = 7, .sequence = static_cast<std::uint16_t>(turns + 1)}));
    EXPECT_LE(turn(heard), kMostCopies);
    EXPECT_EQ(heard[callee.remote.address.port].size(), turns + 1u) << "the call waits";
  }
  EXPECT_GE(turns, 8);
  for (const Peer& receiver : large.receivers) {
    const Numbers& numbers = heard[receiver.remote.address.port];
    ASSERT_EQ(numbers.size(), 40u);
    ASSERT_TRUE(is_continuous(numbers));
  }
}

TEST_F(LargeFanoutTest, RoomsTakeTurns) {
  const Room large = room(200);
  const Room other = room(20);
  std::map<std::uint16_t, Numbers> heard;
  send(large, 1, 40);
  send(other, 1, 1);
  turn(heard);
  for (const Peer& receiver : other.receivers)
    EXPECT_EQ(heard[receiver.remote.address.port].size(), 1u) << "it does not wait for the large room";
}

// Routes come and go between the turns of 64 packets for 200 receivers. Who stays hears everything in order;
// a copy may come twice.
TEST_F(LargeFanoutTest, RoutesComeAndGoMeanwhile) {
  std::mt19937 random(3);
  Room changing = room(200);
  std::set<std::size_t> left;
  std::map<std::uint16_t, Numbers> heard;
  std::uint16_t next = 1;
  for (int rounds = 0; rounds < 16; ++rounds) {
    send(changing, next, kKeyFrame);
    next = static_cast<std::uint16_t>(next + kKeyFrame);
    while (!is_idle()) {
      for (int changes = 0; changes < 6 && changing.routes.size() < 700; ++changes) {
        if (random() % 2 == 0) {
          join(changing);  // a turn, too
          for (const Sent& sent : plane.take(SIZE_MAX))
            if ((sent.payload[1] & 0x7f) == 96)
              heard[sent.layers.destination_port].push_back(load_be16(sent.payload.data() + 2));
        } else if (const std::size_t i = random() % changing.routes.size(); left.insert(i).second) {
          leave(changing, i);
        }
      }
      turn(heard);
    }
  }
  ASSERT_GT(left.size(), 50u);
  for (std::size_t i = 0; i < changing.receivers.size(); ++i) {
    const Numbers numbers = without_repetitions(heard[changing.receivers[i].remote.address.port]);
    EXPECT_TRUE(is_continuous(numbers)) << i;
    if (i < 200 && !left.contains(i)) {
      EXPECT_EQ(numbers.size(), next - 1u) << i;
    }
  }
}

TEST_F(LargeFanoutTest, WhatWaitsEndsWithItsStreamOrSource) {
  Room first = room(100);
  Room second = room(100);
  std::map<std::uint16_t, Numbers> heard;
  send(first, 1, kKeyFrame);
  send(second, 1, kKeyFrame);
  Command command;
  command.kind = CommandKind::kRemoveSource;
  command.ref = {first.source, plane.memory().sources[first.source].generation};
  ASSERT_TRUE(plane.memory().commands.push(command));
  command.kind = CommandKind::kRemoveEndpoint;
  command.ref = {second.publisher.slot, 1};
  ASSERT_TRUE(plane.memory().commands.push(command));
  turn(heard);
  EXPECT_TRUE(is_idle());
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
}

// A source that has got few routes: what comes after waits behind what waits.
TEST_F(LargeFanoutTest, AShrunkenRoomStaysInOrder) {
  Room shrinks = room(60);
  std::map<std::uint16_t, Numbers> heard;
  send(shrinks, 1, kKeyFrame);
  for (std::size_t i = 3; i < shrinks.routes.size(); ++i) leave(shrinks, i);
  turn(heard);
  send(shrinks, 1 + kKeyFrame, 1);
  while (!is_idle()) turn(heard);
  turn(heard);
  for (std::size_t i = 0; i < 3; ++i) {
    const Numbers numbers = without_repetitions(heard[shrinks.receivers[i].remote.address.port]);
    EXPECT_EQ(numbers.size(), kKeyFrame + 1u);
    EXPECT_TRUE(is_continuous(numbers));
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
