// Punts: a turn takes a bounded number of each class.
#include <gtest/gtest.h>

#include "controlplane/session/punt_dispatch.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using dataplane::PuntKind;
using test::SessionFixture;

TEST(PuntDispatch, AFloodOfOneClassLeavesATurnToTheOthers) {
  SessionFixture bench;
  bench.settle();
  const std::vector<std::uint8_t> frame(60);
  dataplane::PuntRings& rings = bench.plane.memory(0).punts;
  for (int i = 0; i < 1000; ++i) bench.plane.punt(0, PuntKind::kStun, frame);
  for (int i = 0; i < 100; ++i) bench.plane.punt(0, PuntKind::kIcmp, frame);
  for (int i = 0; i < 3; ++i) bench.plane.punt(0, PuntKind::kArp, frame);
  EXPECT_FALSE(bench.sessions->poll(bench.now)) << "there is more";
  EXPECT_TRUE(rings.link.empty());
  EXPECT_EQ(rings.strangers.size(), 1000 - PuntDispatch::kStrangersPerTurn);
  EXPECT_EQ(rings.echoes.size(), 100 - PuntDispatch::kEchoesPerTurn);
  bench.settle();
  EXPECT_EQ(rings.size(), 0u);
  EXPECT_EQ(bench.plane.frames_alive(), 0);
}

}  // namespace
}  // namespace sluice::control
