// receive: one burst from each of the worker's queues and handoff rings. Worker only.
#pragma once

#include <span>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Fills `packets` from the handoff rings and the ports' queues, each turn starting with another port, so
/// that none starves. Counts what came as received.
std::size_t receive(WorkerState& state, std::span<rte_mbuf*> packets, std::size_t first_port);

}  // namespace sluice::dataplane
