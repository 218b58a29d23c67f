// send_queue_sharing: sending by a port that has fewer transmit queues than there are workers. A worker
// without a queue passes its finished frames on to a worker that has one, which sends them with its own
// frames (transmit.h). Worker only.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Passes on frames for a port, in order, until the ring is full. Returns how many. REQUIRES:
/// Steering::shares_queues(); this worker has no transmit queue of `port`.
std::uint16_t pass_frames_on(WorkerState& state, const PortInfo& port, std::span<rte_mbuf* const> frames);

/// Takes the frames that worker `from` passed on, until `frames` is full. The port of each mbuf is set.
/// Returns how many, and counts them. REQUIRES: Steering::shares_queues().
std::size_t take_passed_frames(WorkerState& state, std::size_t from, std::span<rte_mbuf*> frames);

}  // namespace sluice::dataplane
