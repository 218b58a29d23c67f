// transmit: writes headers and checksums, and sends by the port. Packets wait in a buffer per port and leave
// in bursts, at the latest at the end of the turn. What a port does not take waits in its TransmitQueue, and
// the worker goes on with everything else; each turn tries again. A packet that has waited for longer than
// [workers] transmit_queue_ms is dropped. Worker only.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// The port does not take packets at once: the packet waits.
void wait_for_port(WorkerState& state, TransmitBuffer& buffer, rte_mbuf* mbuf);
/// Gives the port the burst, and as much as it takes of what waits.
void flush_port(WorkerState& state, std::size_t index);

/// Adds the frame to the next burst of the port with that index. REQUIRES: its hash.usr is its session.
inline void queue_on(WorkerState& state, std::size_t index, rte_mbuf* mbuf) {
  TransmitBuffer& buffer = state.transmit[index];
  if (buffer.is_full) return wait_for_port(state, buffer, mbuf);
  buffer.add(mbuf);
  if (buffer.count == buffer.packets.size()) flush_port(state, index);
}

/// Asks the port for the checksums of a frame. It lies in the second cache line of the mbuf, which nothing
/// else here needs.
inline void ask_for_checksums(rte_mbuf* mbuf, const HeaderTemplate& header) {
  constexpr std::uint64_t kIpv4 = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  constexpr std::uint64_t kIpv6 = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
  const unsigned ip_length = header.is_v6 ? 40 : 20;
  mbuf->tx_offload = header.l3_offset | ip_length << RTE_MBUF_L2_LEN_BITS;
  mbuf->ol_flags = header.is_v6 ? kIpv6 : kIpv4;
}

/// Sends a frame with the headers of `header`, which are written, to the endpoint `receiver`. `length`: bytes
/// of the UDP payload.
inline void send_made(WorkerState& state, rte_mbuf* mbuf, EndpointSlot& receiver,
                      const HeaderTemplate& header, std::uint16_t length) {
  const std::size_t index = receiver.transmit_index;
  mbuf->hash.usr = receiver.flow;
  mbuf->ol_flags = 0;
  if (state.transmit[index].checksums == TransmitChecksums::kHardware) ask_for_checksums(mbuf, header);
  receiver.packets_sent.add();
  receiver.bytes_sent.add(length);
  queue_on(state, index, mbuf);
}

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
