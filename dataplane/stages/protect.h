// protect: from RTP to SRTP, out of place: the payload goes from the one received packet into each copy's own
// buffer by way of the cipher. For plain receivers it is copied. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Completes every packet of `batch`; one that fails is dropped (its mbuf becomes null). Then frees the
/// finished received packets.
void protect(WorkerState& state, OutgoingBatch& batch);

/// Seals what state.reports holds, passes it to transmit, and empties the buffer.
void seal_reports(WorkerState& state);

}  // namespace sluice::dataplane
