// protect: from RTP to SRTP, out of place. The cipher reads the payload from the received packet and writes
// it into the buffer of each copy. For plain receivers the payload is copied. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Completes every packet of `batch`. Drops a packet that fails, and sets its mbuf to null. Then frees the
/// received packets in `finished`.
void protect(WorkerState& state, OutgoingBatch& batch);

/// Seals the RTCP packets in state.reports, passes them to transmit, and empties the buffer. Drops a packet
/// that cannot be sealed.
void seal_reports(WorkerState& state);

}  // namespace sluice::dataplane
