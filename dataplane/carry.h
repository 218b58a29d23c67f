// carry: sending by a port that has fewer transmit queues than there are workers. A worker without a queue
// passes its finished frames on to one that has; that one puts them among its own. Worker only.
#pragma once

#include "dataplane/worker_state.h"

namespace sluice::dataplane {

/// Passes on the frames that wait for a port of which this worker has no queue, and empties the buffer.
void pass_on(WorkerState& state, const PortInfo& port, TransmitBuffer& buffer);

/// Takes what other workers pass on, at most kBatch frames of each. Returns how many. REQUIRES: the
/// steering's queues are shared.
std::size_t carry(WorkerState& state);

}  // namespace sluice::dataplane
