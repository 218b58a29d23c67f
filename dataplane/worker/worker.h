// worker: the poll loop. There is one worker per lcore, which runs until kStop. docs/architecture.md says
// what a turn does, and in which order.
#pragma once

#include <memory>
#include <span>

#include "dataplane/stages/flow_cache.h"
#include "dataplane/stages/forward.h"
#include "dataplane/stages/mirror.h"
#include "dataplane/stages/retransmit.h"
#include "dataplane/stages/unprotect.h"
#include "dataplane/state/batch.h"
#include "dataplane/state/worker_state.h"
#include "dataplane/worker/idle.h"

namespace sluice::dataplane {

class Worker {
 public:
  /// Called on the control thread before the worker starts. REQUIRES: the ports are open.
  Worker(std::unique_ptr<WorkerState> state, const config::Workers& settings);

  /// Runs on the worker's thread. Returns after kStop, when all packets are flushed and kStopped is sent.
  void run();

  /// One turn of the loop at TSC time `now`. True when it found work. run() and tests call it.
  bool turn(std::uint64_t now);

  /// Runs the packet stages on packets from receive() or from a test, and takes ownership of them. REQUIRES:
  /// at most kBatch packets.
  void process(std::span<rte_mbuf* const> packets);

  WorkerState& state() { return *state_; }

 private:
  void fan_out();

  const std::unique_ptr<WorkerState> state_;
  Idle idle_;
  std::size_t turns_ = 0;
  std::array<rte_mbuf*, kBatch> received_;
  FlowCache flow_cache_;
  ClassifiedBatch classified_;
  Unprotect unprotect_;
  Forward forward_;
  Borrow borrow_;
  OutgoingBatch outgoing_;
  Retransmit retransmit_{outgoing_};  // uses outgoing_ after forward_ is done with it
};

}  // namespace sluice::dataplane
