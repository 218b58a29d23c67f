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

}  // namespace sluice::dataplane
