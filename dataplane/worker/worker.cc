#include "dataplane/worker/worker.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "dataplane/stages/classify.h"
#include "dataplane/stages/feedback.h"
#include "dataplane/stages/keyframes.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/protect.h"
#include "dataplane/stages/receive.h"
#include "dataplane/stages/sender_reports.h"
#include "dataplane/stages/streams.h"
#include "dataplane/stages/transmit.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/turn_cost.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kCommandsPerTurn = 32;
// Of kOutputs copies each. A copy of 1,200 bytes takes up to 600 cycles: the rounds of a turn take 0.25 ms.
constexpr std::size_t kRoundsPerTurn = 8;

static_assert(kHeadroom == RTE_PKTMBUF_HEADROOM && kHeadroom >= HeaderTemplate::kMaxLength);

}  // namespace

Worker::Worker(std::unique_ptr<WorkerState> state, const config::Workers& settings)
    : state_(std::move(state)),
      idle_(settings, state_->ports, state_->index, state_->memory.bell, state_->tsc_hz) {}

void Worker::process(std::span<rte_mbuf* const> packets) {
  WorkerState& state = *state_;
  if (state.space_wanted_by != kNoSlot) make_space(state);
  packets = flow_cache_.run(state, packets);
  if (packets.empty()) return;
  classify(state, packets, classified_);
  if (classified_.rtp_count != 0) {
    unprotect_.rtp(state, classified_);
    forward_.start(state, std::span(classified_.rtp).first(classified_.rtp_count));
    while (forward_.next(state, outgoing_)) {
      protect(state, outgoing_);
      transmit(state, outgoing_);
    }
  }
  if (classified_.rtcp_count != 0) {
    unprotect_.rtcp(state, classified_);
    feedback(state, std::span(classified_.rtcp).first(classified_.rtcp_count), retransmit_);
  }
}

bool Worker::turn(std::uint64_t now) {
  WorkerState& state = *state_;
  state.now = now;
  const std::size_t commands = run_commands(state, kCommandsPerTurn);
  const std::size_t count = receive(state, received_, turns_++);
  if (count != 0) process(std::span(received_).first(count));
  const std::size_t loans = state.lending.enabled ? borrow_.run(state, forward_, outgoing_, retransmit_) : 0;
  const bool fans_out = !state.fanouts.empty();
  if (fans_out) fan_out();
  const bool reports = !state.sender_reports.empty();
  if (reports) send_sender_reports(state);
  if (state.first_keyframe != kNoSlot) send_keyframe_requests(state);
  if (state.reports.count != 0) seal_reports(state);
  const std::size_t carried = state.steering.shares_queues() ? transmit_for_others(state) : 0;
  flush_transmit(state);
  if (state.notified) {
    state.notified = false;
    state.memory.waker.wake();
  }
  return commands + count + loans + carried != 0 || fans_out || reports;
}

// Makes the share of this turn of the copies that wait.
void Worker::fan_out() {
  WorkerState& state = *state_;
  for (std::size_t rounds = 0; rounds < kRoundsPerTurn; ++rounds) {
    if (!forward_.next_waiting(state, outgoing_)) return;
    protect(state, outgoing_);
    transmit(state, outgoing_);
  }
}

void Worker::run() {
  state_->cache.warm();
  WorkerCounters& counters = state_->counters();
  std::uint64_t before = rte_rdtsc();
  TurnMeter turn_meter;
  idle_.begin();
  while (!state_->stop_requested) {
    const bool busy = turn(before);
    std::uint64_t after = rte_rdtsc();
    counters.polls.add();
    counters.total_cycles.add(after - before);
    if (busy) {
      counters.busy_polls.add();
      counters.busy_cycles.add(after - before);
      turn_meter.turned(counters, after - before);
      idle_.worked();
    } else if (state_->first_keyframe == kNoSlot && !state_->waits_for_port && idle_.rest(after)) {
      const std::uint64_t woken = rte_rdtsc();
      counters.total_cycles.add(woken - after);
      after = woken;
    }
    before = after;
  }
  idle_.end();
  // The other workers get up to 0.1 s to give back what this worker has lent.
  const std::uint64_t limit = rte_rdtsc() + state_->tsc_hz / 10;
  while (state_->lending.enabled && has_loans(*state_) && rte_rdtsc() < limit) turn(rte_rdtsc());
  for (const std::uint64_t end = rte_rdtsc() + state_->longest_wait;
       state_->waits_for_port && rte_rdtsc() < end;)
    turn(rte_rdtsc());
  drop_fanouts(*state_);
  drop_waiting(*state_);
  Note stopped;
  stopped.kind = NoteKind::kStopped;
  state_->tell(stopped);
  state_->memory.waker.wake();
}

}  // namespace sluice::dataplane
