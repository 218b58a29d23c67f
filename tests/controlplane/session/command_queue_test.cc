// command_queue: keeps the order and loses nothing when the worker's ring is full.
#include "controlplane/session/command_queue.h"

#include <gtest/gtest.h>

#include "tests/support/scripted_plane.h"

namespace sluice::control {
namespace {

using dataplane::Command;
using dataplane::CommandKind;

config::Limits small_limits() {
  config::Limits limits;
  limits.endpoints_per_worker = 16;
  limits.routes_per_worker = 16;
  limits.streams_per_worker = 16;
  return limits;
}

Command numbered(std::uint32_t number) {
  Command command;
  command.kind = CommandKind::kRequestKeyframe;
  command.ref = {number, 1};
  return command;
}

TEST(CommandQueue, KeepsOrderThroughAFullRing) {
  test::ScriptedPlane plane(small_limits(), 1);
  CommandQueue queue(plane, 0);
  auto& ring = plane.memory(0).commands;
  const auto total = static_cast<std::uint32_t>(ring.capacity() * 3);
  for (std::uint32_t i = 0; i < total; ++i) queue.send(numbered(i));
  EXPECT_EQ(queue.pending(), total - ring.capacity());
  EXPECT_EQ(queue.deferred(), total - ring.capacity());

  Command command;
  for (std::uint32_t i = 0; i < total; ++i) {
    ASSERT_TRUE(ring.pop(command)) << i;
    ASSERT_EQ(command.ref.slot, i);
    if (i % 7 == 0) (void)queue.flush();
    if (i % 1000 == 0) {
      // flush() says whether commands still wait.
      EXPECT_EQ(queue.pending() == 0, queue.flush());
    }
    if (ring.size() == 0) (void)queue.flush();
  }
  EXPECT_EQ(queue.pending(), 0u);
}

TEST(CommandQueue, NothingOvertakesWhatWaits) {
  test::ScriptedPlane plane(small_limits(), 1);
  CommandQueue queue(plane, 0);
  auto& ring = plane.memory(0).commands;
  std::uint32_t sent = 0;
  while (queue.pending() < 10) queue.send(numbered(sent++));
  Command command;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ring.pop(command));  // now 5 fit, and 10 wait
  queue.send(numbered(sent++));
  EXPECT_EQ(queue.pending(), 6u);
  std::uint32_t expected = 5;
  while (expected < sent) {
    if (!ring.pop(command)) {
      (void)queue.flush();
      continue;
    }
    ASSERT_EQ(command.ref.slot, expected++);
  }
}

TEST(CommandQueue, DatagramsAreBoundedCommandsAreNot) {
  test::ScriptedPlane plane(small_limits(), 1);
  {
    CommandQueue queue(plane, 0);
    const std::vector<std::uint8_t> frame(60);
    std::size_t injected = 0;
    while (queue.inject(0, frame)) ++injected;
    EXPECT_EQ(queue.pending(), CommandQueue::kInjectBacklog);
    EXPECT_EQ(queue.frames_dropped(), 1u);
    EXPECT_EQ(plane.frames_alive(), static_cast<std::int64_t>(injected));
    queue.send(numbered(1));
    EXPECT_EQ(queue.pending(), CommandQueue::kInjectBacklog + 1);
  }
  plane.worker(0).turn();
  EXPECT_EQ(plane.frames_alive(), 0) << "frames that waited were freed with the queue";
}

TEST(CommandQueue, NoBufferIsCounted) {
  test::ScriptedPlane plane(small_limits(), 1);
  plane.frames_exhausted = true;
  CommandQueue queue(plane, 0);
  EXPECT_FALSE(queue.inject(0, std::vector<std::uint8_t>(60)));
  EXPECT_EQ(queue.frames_dropped(), 1u);
  EXPECT_EQ(queue.pending(), 0u);
}

}  // namespace
}  // namespace sluice::control
