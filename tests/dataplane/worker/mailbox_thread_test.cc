// mailbox with two real threads: this one is the control thread, the other runs a worker's loop. The test
// sends many installs, removals and switches, some with stale references, fills the rings and reads answers
// late. Run it under ThreadSanitizer, which checks that each side touches memory only while it owns it.
#include "dataplane/shared/mailbox.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include "dataplane/stages/streams.h"
#include "dataplane/worker/worker.h"
#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::uint32_t kEndpoints = 24;
constexpr std::uint32_t kSources = 40;
constexpr std::uint32_t kRoutes = 120;

// The expected key bytes and SSRCs of an endpoint, computed from its slot and generation.
std::uint8_t key_byte(SlotRef endpoint) {
  return static_cast<std::uint8_t>(endpoint.slot * 31 + endpoint.generation * 7 + 1);
}
std::uint32_t ssrc_base(SlotRef endpoint) {
  return static_cast<std::uint32_t>(mix64(std::uint64_t{endpoint.slot} << 32 | endpoint.generation)) << 4;
}

// The worker's thread: turns of a Worker. Between them streams are created and removed, as traffic does.
class WorkerThread {
 public:
  WorkerThread(Worker& worker, bool traffic)
      : worker_(worker), traffic_(traffic), random_(test_seed() ^ 1), thread_([this] { loop(); }) {}
  ~WorkerThread() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  std::uint64_t wrong_keys = 0;  // read after join()
  std::uint64_t told = 0;

 private:
  void loop() {
    WorkerState& state = worker_.state();
    for (std::uint64_t now = 1; !state.stop_requested; ++now) {
      const bool busy = worker_.turn(now);
      for (int i = 0; traffic_ && i < 4; ++i) pretend_traffic(state);
      if (!busy) std::this_thread::yield();
    }
    state.memory.waker.wake();
  }

  void pretend_traffic(WorkerState& state) {
    const auto slot = static_cast<std::uint32_t>(random_() % kEndpoints);
    EndpointSlot& endpoint = state.endpoint(slot);
    if (!endpoint.installed) return;
    const SlotRef ref{slot, endpoint.generation};
    if (endpoint.keys_ready) {
      const crypto::SrtpKeys& keys = state.memory.keys[slot].receive;
      wrong_keys += keys.rtp.bytes[0] != key_byte(ref) || keys.rtp.bytes[1023] != key_byte(ref);
    }
    const auto ssrc = static_cast<std::uint32_t>(ssrc_base(ref) + random_() % 16);
    if (find_stream(state, slot, ssrc) != kNoSlot) return;
    const std::uint32_t stream = create_stream(state, slot, ssrc);
    if (stream == kNoSlot) return;
    wake_stream(state, stream);
    ++told;
  }

  Worker& worker_;
  const bool traffic_;
  Random random_;
  std::thread thread_;
};

// The control thread's side: the simplest records that keep the mailbox's contract.
class ControlSide {
 public:
  explicit ControlSide(WorkerMemory& memory) : memory_(memory), random_(test_seed()) {}

  // ---- the mailbox: commands that do not fit into the ring wait, in order
  void send(const Command& command) {
    waiting_.push_back(command);
    ++sent;
    if (command.kind == CommandKind::kRemoveEndpoint)
      expected_.push_back({NoteKind::kEndpointRemoved, command.ref});
    if (command.kind == CommandKind::kRemoveSource)
      expected_.push_back({NoteKind::kSourceRemoved, command.ref});
    if (command.kind == CommandKind::kRemoveRoute)
      expected_.push_back({NoteKind::kRouteRemoved, command.ref});
    retry();
  }
  void retry() {
    while (!waiting_.empty() && memory_.commands.push(waiting_.front())) waiting_.pop_front();
    refused += !waiting_.empty();
  }
  void take_notes() {
    for (Note note; memory_.notes.pop(note);) take(note);
  }

  // ---- one random step
  void step() {
    const std::uint64_t kind = random_() % 100;
    if (kind < 12) {
      install_endpoint();
    } else if (kind < 16) {
      remove_endpoint(some(endpoints_));
    } else if (kind < 28) {
      install_source();
    } else if (kind < 34) {
      remove_source(some(sources_));
    } else if (kind < 52) {
      install_route();
    } else if (kind < 60) {
      remove_route(some(routes_));
    } else if (kind < 75) {
      switch_route();
    } else if (kind < 82) {
      touch_endpoint();
    } else if (kind < 90) {
      look_at_streams();
    } else {
      send_stale();
    }
  }
  void remove_everything() {
    for (std::uint32_t i = 0; i < kEndpoints; ++i) remove_endpoint(i);
  }
  // A removal of a route that never existed: it only gets its answer.
  void send_stale_removal() {
    send(make_command(CommandKind::kRemoveRoute, {kRoutes + 1, static_cast<std::uint32_t>(++stale)}));
  }
  // Waits as the control thread does: looks at the ring once more, then waits on the eventfd.
  bool wait(int timeout_ms) {
    memory_.waker.about_to_wait();
    bool woken = true;
    if (memory_.notes.size() == 0) {
      pollfd poll_fd{memory_.waker.fd(), POLLIN, 0};
      woken = poll(&poll_fd, 1, timeout_ms) == 1;
    }
    memory_.waker.awake();
    return woken;
  }
  bool settled() const { return waiting_.empty() && expected_.empty(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t unanswered() const { return expected_.size(); }

  std::uint64_t sent = 0, stale = 0, perhaps_stale = 0;  // stale: the worker must count them so
  std::uint64_t refused = 0;                             // times that the ring was full
  std::uint64_t wrong_answers = 0, torn_streams = 0, started = 0;

 private:
  enum class Phase : std::uint8_t { kFree, kInstalled, kLeaving };
  struct Tenant {
    std::uint32_t generation = 0;
    Phase phase = Phase::kFree;
    std::uint32_t of = kNoSlot;      // the endpoint of a source, the receiver of a route
    std::uint32_t source = kNoSlot;  // the source of a route
    bool keyed = false;
  };
  struct Answer {
    NoteKind kind;
    SlotRef ref;
  };
  using Tenants = std::vector<Tenant>;

  template <typename Slots>
  std::uint32_t some(const Slots& slots) {
    return static_cast<std::uint32_t>(random_() % slots.size());
  }
  static SlotRef ref_of(const Tenants& tenants, std::uint32_t slot) {
    return {slot, tenants[slot].generation};
  }
  bool claim(Tenant& tenant) {
    if (tenant.phase != Phase::kFree) return false;
    ++tenant.generation;
    tenant.phase = Phase::kInstalled;
    return true;
  }

  void take(const Note& note) {
    if (note.kind == NoteKind::kStreamStarted) {
      ++started;
      // The SSRC in the note must fit the endpoint's generation, even when the note is read late.
      torn_streams += (note.ssrc ^ ssrc_base(note.ref)) >> 4 != 0;
      streams_.push_back(note.stream);
      if (streams_.size() > 64) streams_.pop_front();
      return;
    }
    if (expected_.empty() || expected_.front().kind != note.kind || expected_.front().ref != note.ref) {
      ++wrong_answers;
      return;
    }
    expected_.pop_front();
    if (note.kind == NoteKind::kEndpointRemoved) wipe_keys(note.ref);
    release(note.kind == NoteKind::kEndpointRemoved ? endpoints_
            : note.kind == NoteKind::kSourceRemoved ? sources_
                                                    : routes_,
            note.ref);
  }
  static void release(Tenants& tenants, SlotRef ref) {
    if (ref.slot >= tenants.size()) return;  // the answer to a stale removal
    Tenant& tenant = tenants[ref.slot];
    if (tenant.generation == ref.generation && tenant.phase == Phase::kLeaving) tenant.phase = Phase::kFree;
  }
  void wipe_keys(SlotRef ref) {
    const Tenant& tenant = endpoints_[ref.slot];
    if (tenant.generation == ref.generation && tenant.phase == Phase::kLeaving && tenant.keyed)
      memory_.keys[ref.slot].receive.rtp.bytes.fill(0);
  }

  void install_endpoint() {
    const std::uint32_t slot = some(endpoints_);
    if (!claim(endpoints_[slot])) return;
    endpoints_[slot].keyed = false;
    const SlotRef ref = ref_of(endpoints_, slot);
    fill_endpoint(memory_, ref, static_cast<std::uint16_t>(20000 + 2 * slot)).max_streams = 4;
    send(make_command(CommandKind::kInstallEndpoint, ref));
  }
  // Removes routes to the endpoint and sources of it first, as the contract requires.
  void remove_endpoint(std::uint32_t slot) {
    if (endpoints_[slot].phase != Phase::kInstalled) return;
    for (std::uint32_t i = 0; i < kRoutes; ++i)
      if (routes_[i].of == slot) remove_route(i);
    for (std::uint32_t i = 0; i < kSources; ++i)
      if (sources_[i].of == slot) remove_source(i);
    Command unbind = make_command(CommandKind::kUnbindTuple, ref_of(endpoints_, slot));
    unbind.tuple = tuple_of(slot);
    send(unbind);
    endpoints_[slot].phase = Phase::kLeaving;
    send(make_command(CommandKind::kRemoveEndpoint, ref_of(endpoints_, slot)));
  }
  void touch_endpoint() {
    const std::uint32_t slot = some(endpoints_);
    Tenant& tenant = endpoints_[slot];
    if (tenant.phase != Phase::kInstalled) return;
    const SlotRef ref = ref_of(endpoints_, slot);
    Command command = make_command(CommandKind::kSetRemote, ref);
    switch (random_() % 3) {
      case 0:
        command.remote = make_header_template(memory_.endpoints[slot].local,
                                              {{2, 0, 0, 0, 0, 9}, tuple_of(slot).remote}, 0);
        break;
      case 1:
        command.kind = CommandKind::kBindTuple;
        command.tuple = tuple_of(slot);
        break;
      default:
        if (tenant.keyed) return;
        tenant.keyed = true;  // the worker owns the endpoint already, but reads keys only after keys_ready
        memory_.keys[slot].receive.rtp.bytes.fill(key_byte(ref));
        command.kind = CommandKind::kKeysReady;
    }
    send(command);
  }
  static FiveTuple tuple_of(std::uint32_t slot) {
    return {{config::IpAddress::v4(198, 18, 1, 1), static_cast<std::uint16_t>(4000 + slot)}, 3478};
  }

  void install_source() {
    const std::uint32_t slot = some(sources_);
    const std::uint32_t endpoint = some(endpoints_);
    if (endpoints_[endpoint].phase != Phase::kInstalled || !claim(sources_[slot])) return;
    sources_[slot].of = endpoint;
    fill_source(memory_, ref_of(sources_, slot), ref_of(endpoints_, endpoint));
    send(make_command(CommandKind::kInstallSource, ref_of(sources_, slot)));
  }
  void remove_source(std::uint32_t slot) {
    if (sources_[slot].phase != Phase::kInstalled) return;
    for (std::uint32_t i = 0; i < kRoutes; ++i)
      if (routes_[i].source == slot) remove_route(i);
    sources_[slot].phase = Phase::kLeaving;
    sources_[slot].of = kNoSlot;
    send(make_command(CommandKind::kRemoveSource, ref_of(sources_, slot)));
  }
  void install_route() {
    const std::uint32_t slot = some(routes_);
    const std::uint32_t endpoint = some(endpoints_);
    const std::uint32_t source = some(sources_);
    if (endpoints_[endpoint].phase != Phase::kInstalled || sources_[source].phase != Phase::kInstalled)
      return;
    if (!claim(routes_[slot])) return;
    routes_[slot].of = endpoint;
    routes_[slot].source = source;
    fill_route(memory_, ref_of(routes_, slot), ref_of(endpoints_, endpoint), ref_of(sources_, source),
               5000 + slot);
    send(make_command(CommandKind::kInstallRoute, ref_of(routes_, slot)));
  }
  void remove_route(std::uint32_t slot) {
    if (routes_[slot].phase != Phase::kInstalled) return;
    routes_[slot].phase = Phase::kLeaving;
    routes_[slot].of = routes_[slot].source = kNoSlot;
    send(make_command(CommandKind::kRemoveRoute, ref_of(routes_, slot)));
  }
  void switch_route() {
    const std::uint32_t slot = some(routes_);
    const std::uint32_t source = some(sources_);
    if (routes_[slot].phase != Phase::kInstalled || sources_[source].phase != Phase::kInstalled) return;
    routes_[slot].source = source;
    Command change = make_command(CommandKind::kSwitchRoute, ref_of(routes_, slot));
    change.source = ref_of(sources_, source);
    send(change);
  }

  // Sends a reference to an object that is removed or being removed; its slot may be filled for the next one.
  void send_stale() {
    static constexpr CommandKind kKinds[] = {
        CommandKind::kRemoveEndpoint,  CommandKind::kSetRemote,     CommandKind::kBindTuple,
        CommandKind::kUnbindTuple,     CommandKind::kKeysReady,     CommandKind::kRemoveSource,
        CommandKind::kRemoveRoute,     CommandKind::kSwitchRoute,   CommandKind::kRequestKeyframe,
        CommandKind::kInstallEndpoint, CommandKind::kInstallSource, CommandKind::kInstallRoute};
    const CommandKind kind = kKinds[random_() % std::size(kKinds)];
    const bool of_source = kind == CommandKind::kRemoveSource || kind == CommandKind::kRequestKeyframe ||
                           kind == CommandKind::kInstallSource;
    const bool of_route = kind == CommandKind::kRemoveRoute || kind == CommandKind::kSwitchRoute ||
                          kind == CommandKind::kInstallRoute;
    const Tenants& tenants = of_source ? sources_ : of_route ? routes_ : endpoints_;
    const std::uint32_t slot = some(tenants);
    const Tenant& tenant = tenants[slot];
    const bool installs = kind == CommandKind::kInstallEndpoint || kind == CommandKind::kInstallSource ||
                          kind == CommandKind::kInstallRoute;
    // The command is a second install of an installed slot, or another command for an object of the past.
    if (tenant.generation == 0 || (installs && tenant.phase != Phase::kInstalled)) return;
    const bool gone = tenant.phase != Phase::kInstalled;
    Command command = make_command(kind, {slot, tenant.generation - (gone || installs ? 0 : 1)});
    command.tuple = tuple_of(slot % kEndpoints);
    command.source = {0, sources_[0].generation};
    ++stale;
    send(command);
  }

  // Reads the shared fields of stream slots as stream_slot.h says.
  void look_at_streams() {
    for (const SlotRef ref : streams_) {
      const StreamSlot& stream = memory_.streams[ref.slot];
      const std::uint32_t tenancy = stream.tenancy.load(std::memory_order_acquire);
      if (tenancy % 2 == 0) continue;
      const SlotRef endpoint{stream.endpoint.load(std::memory_order_relaxed),
                             stream.endpoint_generation.load(std::memory_order_relaxed)};
      const std::uint32_t ssrc = stream.ssrc.load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (stream.tenancy.load(std::memory_order_relaxed) != tenancy) continue;
      torn_streams += (ssrc ^ ssrc_base(endpoint)) >> 4 != 0;
    }
    if (streams_.empty()) return;
    ++perhaps_stale;  // the stream may have ended with its endpoint
    send(make_command(CommandKind::kStreamIdle, streams_.front()));
    streams_.pop_front();
  }

  WorkerMemory& memory_;
  Random random_;
  std::deque<Command> waiting_;
  std::deque<Answer> expected_;
  std::deque<SlotRef> streams_;
  Tenants endpoints_{kEndpoints};
  Tenants sources_{kSources};
  Tenants routes_{kRoutes};
};

class MailboxThreadTest : public ::testing::TestWithParam<bool> {
 protected:
  MailboxThreadTest() : worker_(std::move(bare_.state), config::Workers{}), control_(bare_.memory) {}

  void settle() {
    for (int quiet = 0; !control_.settled();) {
      control_.retry();
      control_.take_notes();
      if (control_.settled()) break;
      // While commands wait, no note is certain to wake this thread: free entries of the ring cause no
      // wake-up.
      const bool woken = control_.wait(control_.waiting() != 0 ? 1 : 5000);
      quiet = woken || control_.waiting() != 0 ? 0 : quiet + 1;
      ASSERT_EQ(quiet, 0) << control_.unanswered() << " answers never came";
    }
  }
  void stop(WorkerThread& thread) {
    control_.send(make_command(CommandKind::kStop, {}));
    while (control_.waiting() != 0) control_.retry();
    thread.join();
  }
  void expect_empty() {
    WorkerState& state = worker_.state();
    EXPECT_EQ(state.stream_by_ssrc.size(), 0u);
    EXPECT_EQ(state.route_by_ssrc.size(), 0u);
    EXPECT_EQ(state.endpoint_by_tuple.size(), 0u);
    std::size_t taken = 0;
    for (std::size_t port = 0; port < 65536; ++port)
      taken += state.local_port(0, static_cast<std::uint16_t>(port)).endpoint != kNoSlot;
    EXPECT_EQ(taken, 0u);
    std::size_t free_chunks = 0;
    for (std::uint32_t at = state.free_chunk; at != kNoSlot; at = state.chunks[at].next) ++free_chunks;
    EXPECT_EQ(free_chunks, state.chunk_high_water);
    for (std::uint32_t i = 0; i < kEndpoints; ++i) EXPECT_FALSE(bare_.memory.endpoints[i].installed);
    for (std::uint32_t i = 0; i < kSources; ++i) EXPECT_FALSE(bare_.memory.sources[i].installed);
    for (std::uint32_t i = 0; i < kRoutes; ++i) EXPECT_FALSE(bare_.memory.routes[i].installed);
  }

  BareWorker bare_;
  Worker worker_;
  ControlSide control_;
};
INSTANTIATE_TEST_SUITE_P(Traffic, MailboxThreadTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "with_streams" : "commands_alone"; });

TEST_P(MailboxThreadTest, StormsOfCommandsAreCarriedOutInOrder) {
  SEED_TRACE();
  WorkerThread thread(worker_, GetParam());
  Random random(test_seed() ^ 2);
  // Bursts of many steps. The answers are read at once, or only after more bursts.
  for (int burst = 0; control_.sent - control_.stale < 60'000; ++burst) {
    for (std::uint64_t steps = random() % 200; steps > 0; --steps) control_.step();
    if (burst % 512 == 0)  // more than both rings hold
      for (int i = 0; i < 13'000; ++i) control_.send_stale_removal();
    control_.retry();
    if (random() % 3 != 0) control_.take_notes();
    if (random() % 4 == 0) control_.wait(1);
  }
  EXPECT_GT(control_.refused, 0u) << "the ring was never full";
  control_.remove_everything();
  ASSERT_NO_FATAL_FAILURE(settle());
  stop(thread);
  control_.take_notes();

  const WorkerCounters& counters = bare_.memory.counters;
  EXPECT_EQ(counters.commands.read(), control_.sent);
  EXPECT_GE(counters.stale_commands.read(), control_.stale);
  EXPECT_LE(counters.stale_commands.read(), control_.stale + control_.perhaps_stale);
  EXPECT_GT(control_.stale, 1000u);
  EXPECT_EQ(thread.told > 100, GetParam());
  EXPECT_EQ(control_.wrong_answers, 0u) << "an unexpected answer, or one out of order";
  EXPECT_EQ(control_.torn_streams, 0u);
  EXPECT_EQ(thread.wrong_keys, 0u) << "the worker saw keys of another tenancy";
  EXPECT_EQ(control_.started + counters.lost_events.read(), thread.told)
      << "a note was neither delivered nor counted";
  expect_empty();
}

// No thread reads the answers. The worker must stop taking commands while their answers still fit beside its
// other notes, and later continue at the next command.
TEST_P(MailboxThreadTest, UnreadAnswersHoldCommandsBackAndNoneIsLost) {
  SEED_TRACE();
  WorkerThread thread(worker_, GetParam());
  WorkerMemory& memory = bare_.memory;
  const std::size_t removals = memory.notes.capacity() + memory.commands.capacity() + 5000;
  for (std::uint32_t i = 0; i < 500; ++i) control_.step();  // makes endpoints for the traffic
  while (control_.unanswered() < removals) control_.send_stale_removal();

  // Waits until the worker takes no more commands although the ring is full. Then it must stay so.
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (memory.notes.size() + 1 < memory.notes.capacity() || memory.commands.free_entries() != 0) {
    control_.retry();
    std::this_thread::yield();
    ASSERT_LT(Clock::now(), deadline) << "the worker takes commands although no answer fits";
  }
  const std::uint64_t done = memory.counters.commands.read();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(memory.counters.commands.read(), done + 1);  // one may have been in progress
  EXPECT_GT(control_.waiting(), 0u) << "the ring of commands should be full";
  EXPECT_EQ(memory.commands.free_entries(), 0u);
  EXPECT_GE(memory.notes.size() + 1, memory.notes.capacity());
  EXPECT_LT(memory.counters.commands.read(), control_.sent);
  EXPECT_GT(control_.refused, 0u);

  control_.remove_everything();
  ASSERT_NO_FATAL_FAILURE(settle());
  stop(thread);
  control_.take_notes();
  EXPECT_EQ(memory.counters.commands.read(), control_.sent);
  EXPECT_EQ(control_.wrong_answers, 0u);
  EXPECT_EQ(control_.started + memory.counters.lost_events.read(), thread.told);
  EXPECT_TRUE(GetParam() || memory.counters.lost_events.read() == 0u);
  expect_empty();
}

// The loop ends at kStop. Its last note says so, and wakes the sleeping control thread.
TEST(WorkerRunTest, StopsWhenToldAndSaysSo) {
  for (const config::Idle idle : {config::Idle::kSpin, config::Idle::kYield, config::Idle::kPause}) {
    BareWorker bare;
    WorkerMemory& memory = bare.memory;
    config::Workers settings;
    settings.idle = idle;
    Worker worker(std::move(bare.state), settings);
    std::thread thread([&] { worker.run(); });
    ControlSide control(memory);
    for (int i = 0; i < 100; ++i) control.send_stale_removal();
    control.send(make_command(CommandKind::kStop, {}));
    std::vector<Note> notes;
    while (notes.empty() || notes.back().kind != NoteKind::kStopped) {
      if (!control.wait(5000)) break;
      for (Note note; memory.notes.pop(note);) notes.push_back(note);
    }
    thread.join();
    ASSERT_EQ(notes.size(), 101u);
    EXPECT_EQ(notes.back().kind, NoteKind::kStopped);
    EXPECT_GT(memory.counters.polls.read(), 0u);
    EXPECT_GE(memory.counters.polls.read(), memory.counters.busy_polls.read());
    EXPECT_GE(memory.counters.total_cycles.read(), memory.counters.busy_cycles.read());
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
