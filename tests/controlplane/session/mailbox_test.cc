// The mailbox and the slots as the control thread uses them: a full ring, late acknowledgements, stale
// generations, and workers on their own threads. Needs no DPDK environment, so ThreadSanitizer can run it.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;
using test::WorkerThread;

config::Config roomy() {
  config::Config config = test::small_config();
  config.limits.endpoints_per_worker = 4096;
  config.limits.routes_per_worker = 16384;
  config.limits.routes_per_endpoint = 16384;
  config.media.port_max = 39999;
  return config;
}

TEST(Mailbox, FullRingLosesNothingAndKeepsOrder) {
  SessionFixture bench(roomy());
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  // The worker takes no commands, and the control thread sends more than the ring holds.
  const std::size_t room = bench.plane.memory(0).commands.capacity();
  for (std::size_t i = 0; i < room; ++i) bench.route("r" + std::to_string(i), "a", "b");
  for (std::size_t i = 0; i < room; i += 2)
    bench.sessions->remove_route("s", "r" + std::to_string(i), [](auto) {});
  EXPECT_GT(bench.sessions->totals().pending_commands, 0u);
  EXPECT_GT(bench.sessions->totals().deferred_commands, 0u);
  EXPECT_EQ(bench.plane.memory(0).commands.size(), room);
  // The worker takes ten commands at a time.
  while (bench.sessions->totals().pending_commands != 0) {
    bench.plane.worker(0).turn(10);
    (void)bench.sessions->poll(bench.now);
  }
  bench.settle();
  bench.expect_no_breach();
  EXPECT_EQ(bench.plane.worker(0).routes.size(), room / 2);
  EXPECT_EQ(bench.sessions->worker_load(0).routes, room / 2);
}

TEST(Mailbox, TickComesBackSoonWhileCommandsWait) {
  SessionFixture bench(roomy());
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  bench.settle();
  while (bench.sessions->tick(bench.now) <= bench.now) {
  }
  EXPECT_GT(bench.sessions->tick(bench.now) - bench.now, std::chrono::milliseconds(10));
  for (std::size_t i = 0; bench.sessions->totals().pending_commands == 0; ++i)
    bench.route("r" + std::to_string(i), "a", "b");
  EXPECT_LE(bench.sessions->tick(bench.now) - bench.now, std::chrono::milliseconds(10));
}

TEST(Mailbox, LateAckHoldsSlotPortAndKeys) {
  SessionFixture bench;
  bench.session();
  const EndpointView first = bench.create(bench.sdes("a", false));
  bench.settle();
  bench.plane.worker(0).hold_acks();
  bool done = false;
  bench.sessions->remove_endpoint("s", "a", [&](auto error) {
    EXPECT_FALSE(error);
    done = true;
  });
  bench.settle();
  ASSERT_EQ(bench.plane.worker(0).held_acks(), 1u);
  EXPECT_FALSE(done) << "removed before the worker's answer";
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 1u);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 2u);
  EXPECT_EQ(bench.engine->released, 0) << "keys wiped while the worker may use them";
  const auto view = std::get<EndpointView>(bench.sessions->get_endpoint("s", "a"));
  EXPECT_EQ(view.state, EndpointState::kRemoving);

  // No endpoint gets the slot before the worker's answer.
  const EndpointView other = bench.create(bench.sdes("b", false));
  EXPECT_NE(other.local_rtp_port, first.local_rtp_port);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_endpoint(bench.sdes("a", false))).kind,
            ErrorKind::kWrongState);
  bench.settle();

  bench.plane.worker(0).release_acks();
  bench.settle();
  EXPECT_TRUE(done);
  EXPECT_EQ(bench.engine->released, 2);
  EXPECT_EQ(bench.sessions->media_ports().allocated, 2u);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 1u);
  EXPECT_TRUE(
      std::get<Created<EndpointView>>(bench.sessions->create_endpoint(bench.sdes("a", false))).created);
  bench.settle();
  bench.expect_no_breach();
}

TEST(Mailbox, EveryRemoverIsAnswered) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a"));
  int done = 0;
  for (int i = 0; i < 3; ++i) bench.sessions->remove_endpoint("s", "a", [&](auto) { ++done; });
  bench.sessions->remove_session("s", [&](auto) { ++done; });
  bench.settle();
  EXPECT_EQ(done, 4);
  EXPECT_EQ(bench.count_events("endpoint.removed"), 1u);
  EXPECT_EQ(bench.count_events("session.removed"), 1u);
}

TEST(Mailbox, StaleNotesAreCountedAndMoveNothing) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.rtp("b"));
  bench.route("r", "a", "b", 1000);
  bench.settle();
  using dataplane::NoteKind;
  std::uint64_t sent = 0;
  const auto tell = [&](NoteKind kind, dataplane::SlotRef ref) {
    dataplane::Note note;
    note.kind = kind;
    note.ref = ref;
    bench.plane.worker(0).tell(note);
    ++sent;
  };
  for (const NoteKind kind :
       {NoteKind::kEndpointRemoved, NoteKind::kSourceRemoved, NoteKind::kRouteRemoved, NoteKind::kLatched,
        NoteKind::kStreamStarted, NoteKind::kStreamEnded, NoteKind::kRouteSwitched}) {
    tell(kind, {0, 999});     // another generation
    tell(kind, {100000, 1});  // no such slot
    tell(kind, {});
  }
  // The generation is right, but the control thread has not asked for the removal.
  tell(NoteKind::kEndpointRemoved, {0, 1});
  tell(NoteKind::kSourceRemoved, {0, 1});
  tell(NoteKind::kRouteRemoved, {0, 1});
  bench.settle();
  EXPECT_EQ(bench.sessions->totals().stale_notes, sent);
  EXPECT_EQ(bench.sessions->worker_load(0).endpoints, 2u);
  EXPECT_EQ(bench.sessions->worker_load(0).routes, 1u);
  EXPECT_EQ(bench.count_events("endpoint.removed"), 0u);
}

TEST(Mailbox, StalePuntsAreCountedAndFreed) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.webrtc("w"));
  bench.settle();
  const std::vector<std::uint8_t> frame(60, 0);
  bench.plane.punt(0, dataplane::PuntKind::kStun, frame, {0, 999});
  bench.plane.punt(0, dataplane::PuntKind::kDtls, frame, {50000, 1});
  bench.settle();
  EXPECT_EQ(bench.sessions->totals().stale_punts, 2u);
  EXPECT_EQ(bench.plane.frames_alive(), 0);
}

TEST(Mailbox, SlotComesBackWithAnotherGeneration) {
  SessionFixture bench;
  bench.session();
  bench.create(bench.rtp("a"));
  bench.settle();
  const std::uint32_t first = bench.plane.worker(0).endpoints.at(0);
  bench.sessions->remove_endpoint("s", "a", [](auto) {});
  bench.settle();
  bench.create(bench.rtp("b"));
  bench.settle();
  EXPECT_NE(bench.plane.worker(0).endpoints.at(0), first);
  bench.expect_no_breach();
}

// Two real worker threads and the control thread exchange slots, keys and counters as fast as they can.
TEST(Mailbox, WorkersOnTheirOwnThreads) {
  SessionFixture bench(roomy(), 2);
  for (int i = 0; i < 4; ++i) bench.session("s" + std::to_string(i));
  std::atomic<int> pending{0};
  const auto removed = [&](auto error) {
    EXPECT_FALSE(error);
    --pending;
  };
  {
    WorkerThread first(bench.plane.worker(0));
    WorkerThread second(bench.plane.worker(1));
    for (int round = 0; round < 300; ++round) {
      const std::string session = "s" + std::to_string(round % 4);
      for (const char* id : {"a", "b"}) {
        EndpointCreate request = id[0] == 'a' ? bench.sdes(id) : bench.rtp(id);
        request.session = session;
        const auto result = bench.sessions->create_endpoint(request);
        ASSERT_TRUE(std::holds_alternative<Created<EndpointView>>(result))
            << std::get<RequestError>(result).message;
      }
      RouteCreate route;
      route.session = session;
      route.id = "r";
      route.from.endpoint = "b";
      route.to = "a";
      route.clock_rate = 90000;
      ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
      for (std::uint32_t ssrc = 1; ssrc < 4; ++ssrc) {
        RouteSwitch change{session, "r", {"b", ssrc, {}, {}}};
        ASSERT_TRUE(std::holds_alternative<RouteView>(bench.sessions->switch_route(change)));
      }
      (void)bench.sessions->poll(bench.now);
      (void)bench.sessions->list_endpoints({});
      (void)bench.sessions->list_routes({});
      (void)bench.sessions->list_streams({});
      pending += 2;
      bench.sessions->remove_endpoint(session, "b", removed);
      bench.sessions->remove_endpoint(session, "a", removed);
      // Each fourth round waits until all removals are done, so that the ids are free again.
      if (round % 4 == 3)
        while (pending != 0) (void)bench.sessions->poll(bench.now);
    }
    bool stopped = false;
    bench.sessions->shut_down([&] { stopped = true; });
    while (!stopped) (void)bench.sessions->poll(bench.now);
  }
  bench.expect_no_breach();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(bench.sessions->worker_load(i).endpoints, 0u);
    EXPECT_EQ(bench.sessions->worker_load(i).routes, 0u);
    EXPECT_EQ(bench.sessions->worker_load(i).sessions, 0u);
  }
  EXPECT_EQ(bench.sessions->media_ports().allocated, 0u);
  EXPECT_EQ(bench.engine->expanded, bench.engine->released);
  EXPECT_EQ(bench.plane.frames_alive(), 0);
}

}  // namespace
}  // namespace sluice::control
