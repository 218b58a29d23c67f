// send_queue_sharing: sending by a port that has fewer transmit queues than there are workers. A worker
// without a queue passes its finished frames on to one that has; that one puts them among its own
// (transmit.h). Worker only.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Passes on the frames that wait for a port of which this worker has no queue, and empties the buffer.
/// REQUIRES: the steering's queues are shared.
void pass_frames_on(WorkerState& state, const PortInfo& port, TransmitBuffer& buffer);

/// Takes what worker `from` passed on, at most as many as `frames` holds, each with its port set. Returns how
/// many, and counts them. REQUIRES: the steering's queues are shared.
std::size_t take_passed_frames(WorkerState& state, std::size_t from, std::span<rte_mbuf*> frames);

}  // namespace sluice::dataplane
