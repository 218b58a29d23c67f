// Two workers on their own threads. One lends to the other while mirrors are added and removed. Run it under
// ThreadSanitizer. The ledgers of both must close.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "dataplane/stages/lend.h"
#include "dataplane/wire/rtcp.h"
#include "tests/dataplane/stages/lend_fixture.h"

namespace sluice::dataplane::test {
namespace {

constexpr int kBatches = 4000;
constexpr std::size_t kBatchSize = 8;
constexpr int kTurnsOfAMirror = 400;

Command command_for(CommandKind kind, std::uint32_t slot, std::uint32_t generation) {
  Command command;
  command.kind = kind;
  command.ref = {slot, generation};
  return command;
}

// The borrower's side: routes on a mirror that is removed and installed again, each time with a new
// generation.
class Borrower {
 public:
  Borrower(Harness& plane, const Peer& receiver) : plane_(plane), receiver_(receiver) {}

  void install() {
    SourceSlot& mirror = plane_.memory().sources[0];
    mirror.generation = ++generation_;
    mirror.endpoint = {};
    mirror.home = {0, 1};
    mirror.home_worker = 0;
    mirror.clock_rate = 90000;
    plane_.command(command_for(CommandKind::kInstallSource, 0, generation_));
    for (std::uint32_t slot = 0; slot < 4; ++slot) {
      RouteSlot& route = plane_.memory().routes[slot];
      route.generation = generation_;
      route.endpoint = {receiver_.slot, 1};
      route.ssrc = 9000 + slot;
      route.clock_rate = 90000;
      route.first_index = generation_ * 100000;
      route.keyframe_on_switch = true;
      route.source = 0;
      plane_.command(command_for(CommandKind::kInstallRoute, slot, generation_));
    }
    installed.store(generation_, std::memory_order_release);
  }
  void remove() {
    for (std::uint32_t slot = 0; slot < 4; ++slot)
      plane_.command(command_for(CommandKind::kRemoveRoute, slot, generation_));
    plane_.command(command_for(CommandKind::kRemoveSource, 0, generation_));
    plane_.notes();
  }
  void speak() {
    Bytes packet(100);
    RtcpWriter writer(packet);
    expect(writer.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, 9000, {}), "a PLI does not fit");
    packet.resize(writer.length());
    plane_.deliver(receiver_, packet);
  }

  std::atomic<std::uint32_t> installed{0};  // generation of the installed mirror

 private:
  Harness& plane_;
  const Peer& receiver_;
  std::uint32_t generation_ = 0;
};

TEST(LendThreadTest, LoansAndFeedbackWhileMirrorsComeAndGo) {
  Harness home(crypto::EngineKind::kIpsecMb, 2);
  Harness away(home, 1);
  const Peer publisher = home.add_peer();
  home.add_source(publisher, {});
  const Peer near = home.add_peer();
  home.add_route(0, near, {});
  const Peer far = away.add_peer();
  Borrower borrower(away, far);
  borrower.install();
  std::atomic<bool> published{false};
  std::atomic<bool> done{false};
  std::uint64_t sent_far = 0;

  std::thread thread([&] {
    for (int turn = 1; !published.load(std::memory_order_acquire) || has_loans(away.worker().state());
         ++turn) {
      away.turn();
      sent_far += away.drain();
      if (turn % 16 == 0) borrower.speak();
      if (turn % kTurnsOfAMirror == 0) {
        borrower.remove();
        borrower.install();
      }
      if (turn % 64 == 0) std::this_thread::yield();
      away.advance(0.0001);
    }
    done.store(true, std::memory_order_release);
  });

  std::uint32_t lent_generation = 0;
  std::uint16_t sequence = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    if (const auto now = borrower.installed.load(std::memory_order_acquire); now != lent_generation) {
      Command lend = command_for(CommandKind::kUnlendSource, 0, 1);
      lend.worker = 1;
      if (lent_generation != 0) home.command(lend);
      lend.kind = CommandKind::kLendSource;
      lend.source = {0, now};
      home.command(lend);
      lent_generation = now;
    }
    std::vector<Bytes> frames;
    for (std::size_t i = 0; i < kBatchSize; ++i) {
      RtpOptions rtp;
      rtp.sequence = sequence++;
      frames.push_back(home.frame_from(publisher, make_rtp(rtp)));
    }
    home.deliver_frames(frames);
    home.turn();
    home.drain();
    home.advance(0.0001);
  }
  while (has_loans(home.worker().state())) home.turn();
  published.store(true, std::memory_order_release);
  while (!done.load(std::memory_order_acquire)) {
    home.turn();
    home.drain();
  }
  thread.join();
  while (has_loans(home.worker().state())) home.turn();
  home.drain();

  expect_loans_returned(home, away);
  EXPECT_EQ(home.counters().lent.read() + home.drops(DropReason::kLendRingFull),
            home.counters().lends.read());
  EXPECT_GT(sent_far, 0u);
  EXPECT_GT(away.counters().lent.read(), 0u) << "no feedback came";
  EXPECT_EQ(away.counters().stale_commands.read(), 0u);
}

}  // namespace
}  // namespace sluice::dataplane::test
