// receive: takes packets from the worker's queues and handoff rings. Worker only.
#pragma once

#include <span>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Fills `packets` from the handoff rings, at most half of it, then from the queues of the ports. Returns how
/// many packets came, and counts them. The caller gives another `first` each turn, so that every worker and
/// every port has its turn.
std::size_t receive(WorkerState& state, std::span<rte_mbuf*> packets, std::size_t first);

}  // namespace sluice::dataplane
