// classify: from frames to media. Checks every length on the way in, answers "whose is it?", and sends off
// what is not media: control traffic up to the control plane, misdirected packets to their worker, the rest
// to a named drop. Demultiplexing by first byte follows RFC 7983, by second byte RFC 5761. Worker only.
#pragma once

#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Takes ownership of `packets` (at most kBatch); what stays is in `batch`, which is overwritten.
void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch);

}  // namespace sluice::dataplane
