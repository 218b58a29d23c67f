#include "dataplane/transmit.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/carry.h"

namespace sluice::dataplane {
namespace {

constexpr int kBurstTries = 8;

void flush_port(WorkerState& state, std::size_t index) {
  TransmitBuffer& buffer = state.transmit[index];
  if (state.index >= state.ports[index].transmit_queues) return pass_on(state, state.ports[index], buffer);
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < buffer.count; ++i) bytes += buffer.packets[i]->pkt_len;
  std::uint16_t sent = 0;
  for (int tries = 0; sent < buffer.count && tries < kBurstTries; ++tries)
    sent = static_cast<std::uint16_t>(
        sent + rte_eth_tx_burst(state.ports[index].id, static_cast<std::uint16_t>(state.index),
                                buffer.packets.data() + sent,
                                static_cast<std::uint16_t>(buffer.count - sent)));
  for (std::uint16_t i = sent; i < buffer.count; ++i) {
    bytes -= buffer.packets[i]->pkt_len;
    state.drop(buffer.packets[i], DropReason::kTransmitQueueFull);
  }
  state.counters().transmitted.add(sent);
  state.counters().transmitted_bytes.add(bytes);
  buffer.count = 0;
}

// The port fills the IPv4 and UDP checksums; DPDK wants the pseudo header's sum in the UDP field.
void ask_for_checksums(rte_mbuf* mbuf, const HeaderTemplate& header, std::uint8_t* frame) {
  mbuf->l2_len = header.l3_offset & 0x7f;
  mbuf->l3_len = (header.is_v6 ? 40 : 20);
  mbuf->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM |
                   (header.is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
  std::uint8_t* ip = frame + header.l3_offset;
  std::uint8_t* udp = frame + header.l4_offset;
  const std::uint64_t sum = std::uint64_t{header.address_sum} + load_be16(udp + 4);
  store_be16(udp + 6, static_cast<std::uint16_t>(~checksum_finish(sum)));
  if (!header.is_v6) store_be16(ip + 10, 0);
}

}  // namespace

void queue_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  const std::size_t index = state.port_index[port_id & 0xff];
  TransmitBuffer& buffer = state.transmit[index];
  buffer.packets[buffer.count++] = mbuf;
  if (buffer.count == buffer.packets.size()) flush_port(state, index);
}

void send_datagram(WorkerState& state, rte_mbuf* mbuf, std::uint32_t slot, const HeaderTemplate& header) {
  EndpointSlot& endpoint = state.endpoint(slot);
  const std::uint16_t payload_length = mbuf->data_len;
  const PortInfo& port = state.port(endpoint.port_id);
  mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off - header.length);
  mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len + header.length);
  mbuf->pkt_len = mbuf->data_len;
  auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  mbuf->ol_flags = 0;
  write_headers(header, frame, payload_length, !port.offloads_udp_checksum);
  if (port.offloads_udp_checksum) ask_for_checksums(mbuf, header, frame);
  endpoint.packets_sent.add();
  endpoint.bytes_sent.add(payload_length);
  queue_frame(state, mbuf, endpoint.port_id);
}

void send_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  state.counters().injected.add();
  queue_frame(state, mbuf, port_id);
}

void transmit(WorkerState& state, OutgoingBatch& batch) {
  for (std::uint16_t i = 0; i < batch.count; ++i) {
    OutgoingPacket& packet = batch.packets[i];
    if (packet.mbuf == nullptr) continue;
    // In place, the packet starts behind the headers that it came with.
    packet.mbuf->data_off =
        static_cast<std::uint16_t>(packet.packet - static_cast<std::uint8_t*>(packet.mbuf->buf_addr));
    packet.mbuf->data_len = packet.length;
    packet.mbuf->pkt_len = packet.length;
    send_datagram(state, packet.mbuf, packet.endpoint, state.endpoint(packet.endpoint).rtp);
  }
}

void flush_transmit(WorkerState& state) {
  for (std::size_t i = 0; i < state.transmit.size(); ++i)
    if (state.transmit[i].count != 0) flush_port(state, i);
}

}  // namespace sluice::dataplane
