// commands_fixture: a bare worker with two endpoints, two sources and a route, filled but not yet installed.
// It checks the two possible results of a command: carried out, or counted as stale.
#pragma once

#include "dataplane/worker/commands.h"
#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {

inline constexpr SlotRef kPublisher{3, 10};
inline constexpr SlotRef kReceiver{4, 20};
inline constexpr SlotRef kSource{5, 30};
inline constexpr SlotRef kOtherSource{6, 40};
inline constexpr SlotRef kRoute{7, 50};
inline constexpr std::uint32_t kSsrc = 0x51000000;

inline SlotRef past(SlotRef ref) {
  return {ref.slot, ref.generation - 1};
}
inline SlotRef beyond() {
  return {1'000'000, 1};
}

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() {
    fill_endpoint(memory(), kPublisher, 20000);
    fill_endpoint(memory(), kReceiver, 20010);
    fill_source(memory(), kSource, kPublisher);
    fill_source(memory(), kOtherSource, kPublisher);
    fill_route(memory(), kRoute, kReceiver, kSource, kSsrc);
  }
  void install_endpoints() {
    good(make_command(CommandKind::kInstallEndpoint, kPublisher));
    good(make_command(CommandKind::kInstallEndpoint, kReceiver));
  }
  void install_all() {
    install_endpoints();
    good(make_command(CommandKind::kInstallSource, kSource));
    good(make_command(CommandKind::kInstallSource, kOtherSource));
    good(make_command(CommandKind::kInstallRoute, kRoute));
  }

  WorkerMemory& memory() { return worker_.memory; }
  WorkerState& state() { return *worker_.state; }
  EndpointSlot& publisher() { return memory().endpoints[kPublisher.slot]; }
  EndpointSlot& receiver() { return memory().endpoints[kReceiver.slot]; }
  SourceSlot& source(SlotRef ref = kSource) { return memory().sources[ref.slot]; }
  RouteSlot& route() { return memory().routes[kRoute.slot]; }

  void run(const Command& command) {
    const std::uint64_t before = memory().counters.commands.read();
    ASSERT_TRUE(memory().commands.push(command));
    ASSERT_EQ(run_commands(state(), 8), 1u);
    ASSERT_EQ(memory().counters.commands.read(), before + 1);
  }
  void good(const Command& command) {
    const std::uint64_t before = worker_.stale();
    run(command);
    EXPECT_EQ(worker_.stale(), before) << "a valid command was counted as stale";
  }
  void stale(const Command& command) {
    const std::uint64_t before = worker_.stale();
    run(command);
    EXPECT_EQ(worker_.stale(), before + 1) << "a stale command was not counted";
  }
  /// Checks that the command is stale with each kind of wrong reference.
  void stale_refs(CommandKind kind, SlotRef ref, Command command = {}) {
    command.kind = kind;
    for (const SlotRef wrong : {past(ref), beyond(), SlotRef{}}) {
      command.ref = wrong;
      stale(command);
    }
  }
  void expect_one_note(NoteKind kind, SlotRef ref) {
    const auto notes = worker_.notes();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_EQ(notes[0].kind, kind);
    EXPECT_EQ(notes[0].ref, ref);
  }

  BareWorker worker_;
};

}  // namespace sluice::dataplane::test
