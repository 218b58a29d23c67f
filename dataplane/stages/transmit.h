// transmit: headers in front, checksum, and out by the port. Packets gather per port and leave in bursts, at
// the latest at the end of the turn. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Everything of `batch` that protect left alive.
void transmit(WorkerState& state, OutgoingBatch& batch);

/// `mbuf` holds a UDP payload; takes ownership. REQUIRES: header.known().
void send_datagram(WorkerState& state, rte_mbuf* mbuf, std::uint32_t slot, const HeaderTemplate& header);

/// `mbuf` holds a whole frame; takes ownership.
void send_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id);

/// Sends what workers without a queue passed on (send_queue_sharing.h), at most kBatch frames of each.
/// Returns how many. REQUIRES: the steering's queues are shared.
std::size_t transmit_for_others(WorkerState& state);

/// Hands every port what waits for it. What a port does not take after a few tries is dropped.
void flush_transmit(WorkerState& state);

}  // namespace sluice::dataplane
