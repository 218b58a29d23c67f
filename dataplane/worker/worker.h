// worker: the poll loop and nothing else. One per lcore; runs until it is told to stop. See
// docs/architecture.md for what a turn does in which order.
#pragma once

#include <memory>
#include <span>

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
  /// Control thread, before the worker starts, with the ports open.
  Worker(std::unique_ptr<WorkerState> state, const config::Workers& settings);

  /// The worker's thread. Returns after kStop, with everything flushed and kStopped told.
  void run();

  /// One turn of the loop at TSC time `now`; true when it found work. run() is nothing but this; tests call
  /// it themselves.
  bool turn(std::uint64_t now);

  /// The packet stages alone, on packets received by whatever means (owned from here on).
  void process(std::span<rte_mbuf* const> packets);

  WorkerState& state() { return *state_; }

 private:
  const std::unique_ptr<WorkerState> state_;
  Idle idle_;
  std::size_t next_port_ = 0;
  std::array<rte_mbuf*, kBatch> received_;
  ClassifiedBatch classified_;
  Unprotect unprotect_;
  Forward forward_;
  Borrow borrow_;
  OutgoingBatch outgoing_;
  Retransmit retransmit_{outgoing_};  // its turn comes when forward is done
};

}  // namespace sluice::dataplane
