// transmit: writes headers and checksums, and sends by the port. Packets wait in a buffer per port and leave
// in bursts, at the latest at the end of the turn. What a port does not take waits in its TransmitQueue, and
// the worker goes on with everything else; each turn tries again. A packet that has waited for longer than
// [workers] transmit_queue_ms is dropped. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Sends the packets of `batch` that protect did not drop, and takes ownership of their mbufs.
void transmit(WorkerState& state, OutgoingBatch& batch);

/// Sends a UDP payload for the endpoint `slot`. Takes ownership of `mbuf`. REQUIRES: header.known(), and the
/// mbuf has space for the headers in front of the payload.
void send_datagram(WorkerState& state, rte_mbuf* mbuf, std::uint32_t slot, const HeaderTemplate& header);

/// Sends a whole frame of the control thread as it is. Takes ownership of `mbuf`.
void send_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id);

/// Sends the frames that workers without a queue passed on (send_queue_sharing.h), at most kBatch of each
/// worker. Returns how many. REQUIRES: Steering::shares_queues().
std::size_t transmit_for_others(WorkerState& state);

/// Gives every port the packets that are for it, as many as it takes. Sets state.waits_for_port when some are
/// left.
void flush_transmit(WorkerState& state);

/// Drops what is left when the worker stops.
void drop_waiting(WorkerState& state);

}  // namespace sluice::dataplane
