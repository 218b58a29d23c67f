// classify: from frames to media. It checks every length, and finds the endpoint of each packet. It punts
// control traffic, hands off packets of other workers, and drops the rest by a named reason. It tells
// protocols apart by the first byte (RFC 7983), and RTCP from RTP by the second byte (RFC 5761). Worker only.
#pragma once

#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Takes ownership of `packets`, and overwrites `batch` with the media among them. REQUIRES: at most kBatch
/// packets.
void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch);

/// Passes a frame of the common form to the worker that owns its UDP port, before anything else is done with
/// it. False when the frame is of another form, or no other worker owns its port; nothing is done then.
/// REQUIRES: this worker has no endpoint at that port.
[[nodiscard]] bool hand_off_at_once(WorkerState& state, rte_mbuf* mbuf);

}  // namespace sluice::dataplane
