// Streams: read from the worker's table, with bit rates; streams that have stopped.
#include <gtest/gtest.h>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using std::chrono::seconds;
using test::SessionFixture;

class StreamsTest : public ::testing::Test {
 protected:
  StreamsTest() {
    bench.session();
    bench.create(bench.rtp("a"));
    bench.create(bench.rtp("b"));
    bench.settle();
  }

  dataplane::StreamSlot& born(std::uint32_t index, std::uint32_t ssrc, std::uint32_t endpoint = 0) {
    auto& memory = bench.plane.memory(0);
    auto& stream = memory.streams[index];
    stream.endpoint = endpoint;
    stream.endpoint_generation = bench.plane.worker(0).endpoints.at(endpoint);
    stream.ssrc = ssrc;
    stream.payload_type = 96;
    stream.dormant = false;
    stream.base_index.set(10);
    stream.highest_index.set(9);
    for (auto* counter : {&stream.packets, &stream.bytes}) counter->set(0);
    stream.last_packet_tsc.set(bench.plane.tsc);
    stream.tenancy.store(stream.tenancy.load() + 1);
    memory.streams_in_use.add();
    if (memory.stream_high_water <= index) memory.stream_high_water = index + 1;
    return stream;
  }
  void flow(dataplane::StreamSlot& stream, std::uint64_t packets, std::uint64_t bytes,
            std::uint64_t lost = 0) {
    stream.packets.add(packets);
    stream.bytes.add(bytes);
    stream.highest_index.add(packets + lost);
    stream.last_packet_tsc.set(bench.plane.tsc);
  }
  std::vector<StreamView> list(const std::string& session = {}, const std::string& endpoint = {}) {
    return std::get<0>(bench.sessions->list_streams({.session = session, .endpoint = endpoint})).views;
  }

  SessionFixture bench;
};

TEST_F(StreamsTest, ListsWhatFlowsAndOnlyThat) {
  EXPECT_TRUE(list().empty());
  auto& stream = born(0, 1000);
  born(1, 2000, 1);
  born(2, 3000).dormant = true;
  auto& dead = born(3, 4000);
  dead.tenancy.store(dead.tenancy.load() + 1);
  flow(stream, 90, 9000, 10);
  stream.clock_rate.set(48000);
  stream.jitter.set(16 * 480);
  stream.nacks.set(1);
  stream.plis.set(2);
  stream.firs.set(3);
  stream.ended = true;
  bench.route("r1", "a", "b");
  bench.route("r2", "a", "b");
  bench.advance(std::chrono::milliseconds(250));

  ASSERT_EQ(list().size(), 2u);
  ASSERT_EQ(list("s", "a").size(), 1u);
  ASSERT_EQ(list("s", "b").size(), 1u);
  const StreamView view = list("s", "a")[0];
  EXPECT_EQ(view.session, "s");
  EXPECT_EQ(view.endpoint, "a");
  EXPECT_EQ(view.ssrc, 1000u);
  EXPECT_EQ(view.payload_type, 96);
  EXPECT_EQ(view.packet_count, 90u);
  EXPECT_EQ(view.byte_count, 9000u);
  EXPECT_EQ(view.packets_lost, 10);
  EXPECT_DOUBLE_EQ(view.jitter_s, 0.01);
  EXPECT_EQ(view.nack_count, 1u);
  EXPECT_EQ(view.pli_count, 2u);
  EXPECT_EQ(view.fir_count, 3u);
  EXPECT_TRUE(view.ended);
  EXPECT_EQ(view.routes, 2u);
  EXPECT_EQ(view.last_packet_ms, 250u);
  EXPECT_EQ(bench.sessions->worker_load(0).streams, 4u) << "what the worker has counted";
}

// What a fail-over takes along.
TEST_F(StreamsTest, AStreamSaysWhereItStands) {
  bench.create(bench.sdes("secure"));
  bench.settle();
  const std::uint64_t highest = (std::uint64_t{5} << 16) + 65535;
  born(0, 1000).highest_index.set(highest);
  const auto slot = static_cast<std::uint32_t>(bench.plane.worker(0).endpoints.rbegin()->first);
  born(1, 2000, slot).highest_index.set(highest);
  EXPECT_EQ(list("s", "a")[0].sequence, 65535);
  EXPECT_FALSE(list("s", "a")[0].rollover_counter) << "plain RTP has none";
  EXPECT_EQ(list("s", "secure")[0].sequence, 65535);
  EXPECT_EQ(list("s", "secure")[0].rollover_counter, 5u);
}

TEST_F(StreamsTest, RoutesCountBySelector) {
  flow(born(0, 1000), 1, 1);
  RouteCreate route;
  route.session = "s";
  route.to = "b";
  route.clock_rate = 90000;
  const SourceSelector selectors[] = {{"a", 1000, {}, {}}, {"a", 1001, {}, {}}, {"a", {}, {96, 97}, {}},
                                      {"a", {}, {98}, {}}, {"a", {}, {}, {}},   {"b", {}, {}, {}}};
  for (const auto& selector : selectors) {
    route.id += "x";
    route.from = selector;
    ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  }
  EXPECT_EQ(list("s", "a")[0].routes, 3u);
}

TEST_F(StreamsTest, BitRateOfTheLastSecond) {
  auto& stream = born(0, 1000);
  for (int i = 0; i < 6; ++i) {
    flow(stream, 25, 12500);
    bench.live(seconds(1));
  }
  EXPECT_NEAR(list()[0].bitrate, 100000, 2000);
  bench.live(seconds(3));
  EXPECT_EQ(list()[0].bitrate, 0);
}

TEST_F(StreamsTest, NewTenantDoesNotInheritTheBitRate) {
  auto& stream = born(0, 1000);
  for (int i = 0; i < 3; ++i) {
    flow(stream, 100, 1000000);
    bench.live(seconds(1));
  }
  EXPECT_GT(list()[0].bitrate, 0);
  stream.tenancy.store(stream.tenancy.load() + 1);
  born(0, 2000);
  EXPECT_EQ(list()[0].bitrate, 0);
  bench.live(seconds(2));
  EXPECT_EQ(list()[0].bitrate, 0);
}

TEST_F(StreamsTest, StoppedStreamIsForgottenOnce) {
  auto& stream = born(0, 1000);
  const std::uint32_t tenancy = stream.tenancy;
  auto& alive = born(1, 1001);
  for (int i = 0; i < 29; ++i) {
    flow(alive, 1, 100);
    bench.live(seconds(1));
  }
  EXPECT_TRUE(bench.plane.worker(0).forgotten.empty());
  // The worker answers late, but the control thread asks only once.
  bench.advance(seconds(3));
  flow(alive, 1, 100);
  for (int i = 0; i < 5; ++i) {
    bench.advance(seconds(1));
    bench.sessions->tick(bench.now);
  }
  bench.settle();
  ASSERT_EQ(bench.plane.worker(0).forgotten.size(), 1u);
  EXPECT_EQ(bench.plane.worker(0).forgotten[0], (dataplane::SlotRef{0, tenancy}));
  EXPECT_EQ(list().size(), 1u);
  // The next stream in the slot is another stream.
  born(0, 1000);
  for (int i = 0; i < 32; ++i) {
    flow(alive, 1, 100);
    bench.live(seconds(1));
  }
  EXPECT_EQ(bench.plane.worker(0).forgotten.size(), 2u);
}

TEST_F(StreamsTest, EventsOfStreams) {
  dataplane::Note note;
  note.ref = {0, bench.plane.worker(0).endpoints.at(0)};
  note.ssrc = 4294967295u;
  note.kind = dataplane::NoteKind::kStreamStarted;
  bench.plane.worker(0).tell(note);
  note.kind = dataplane::NoteKind::kStreamEnded;
  bench.plane.worker(0).tell(note);
  bench.settle();
  ASSERT_NE(bench.last_event("stream.started"), nullptr);
  EXPECT_EQ(bench.last_event("stream.started")->endpoint, "a");
  EXPECT_EQ(bench.last<StreamStarted>().ssrc, 4294967295u);
  EXPECT_EQ(bench.count_events("stream.ended"), 1u);
}

}  // namespace
}  // namespace sluice::control
