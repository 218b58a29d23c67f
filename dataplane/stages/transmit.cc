#include "dataplane/stages/transmit.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <span>

#include "dataplane/stages/send_queue_sharing.h"

namespace sluice::dataplane {
namespace {

constexpr int kBurstTries = 8;

void flush_port(WorkerState& state, std::size_t index) {
  TransmitBuffer& buffer = state.transmit[index];
  if (state.index >= state.ports[index].transmit_queues)
    return pass_frames_on(state, state.ports[index], buffer);
  std::uint64_t bytes = buffer.bytes;
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
  buffer.bytes = 0;
}

inline void queue_on(WorkerState& state, std::size_t index, rte_mbuf* mbuf) {
  TransmitBuffer& buffer = state.transmit[index];
  buffer.packets[buffer.count++] = mbuf;
  buffer.bytes += mbuf->pkt_len;
  if (buffer.count == buffer.packets.size()) flush_port(state, index);
}

void queue_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  queue_on(state, state.port_index[port_id & 0xff], mbuf);
}

// Writes to the second cache line of the mbuf, which nothing else here needs.
void ask_for_checksums(rte_mbuf* mbuf, const HeaderTemplate& header) {
  constexpr std::uint64_t kIpv4 = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  constexpr std::uint64_t kIpv6 = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
  const unsigned ip_length = header.is_v6 ? 40 : 20;
  mbuf->tx_offload = header.l3_offset | ip_length << RTE_MBUF_L2_LEN_BITS;
  mbuf->ol_flags = header.is_v6 ? kIpv6 : kIpv4;
}

// `packet`: the `length` bytes of the UDP payload. REQUIRES: there is space for the headers in front of it.
[[gnu::always_inline]] inline void send(WorkerState& state, rte_mbuf* mbuf, std::uint8_t* packet,
                                        std::uint16_t length, EndpointSlot& endpoint,
                                        const HeaderTemplate& header) {
  const std::size_t index = endpoint.transmit_index;
  std::uint8_t* frame = packet - header.length;
  mbuf->data_off = static_cast<std::uint16_t>(frame - static_cast<std::uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<std::uint16_t>(length + header.length);
  mbuf->pkt_len = mbuf->data_len;
  const TransmitChecksums checksums = state.transmit[index].checksums;
  if (checksums == TransmitChecksums::kSoftware) {
    write_headers(header, frame, length);
    mbuf->ol_flags = 0;
  } else {
    write_headers_for_offload(header, frame, length);
    mbuf->ol_flags = 0;
    if (checksums == TransmitChecksums::kHardware) ask_for_checksums(mbuf, header);
  }
  endpoint.packets_sent.add();
  endpoint.bytes_sent.add(length);
  queue_on(state, index, mbuf);
}

}  // namespace

void send_datagram(WorkerState& state, rte_mbuf* mbuf, std::uint32_t slot, const HeaderTemplate& header) {
  assert(header.known());
  send(state, mbuf, rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len, state.endpoint(slot), header);
}

void send_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  state.counters().injected.add();
  queue_frame(state, mbuf, port_id);
}

void transmit(WorkerState& state, OutgoingBatch& batch) {
  for (std::uint16_t i = 0; i < batch.count; ++i) {
    const OutgoingPacket& packet = batch.packets[i];
    if (packet.mbuf == nullptr) continue;
    send(state, packet.mbuf, packet.packet, packet.length, *packet.receiver, packet.receiver->rtp);
  }
}

std::size_t transmit_for_others(WorkerState& state) {
  assert(state.steering.shares_queues());
  std::size_t count = 0;
  std::array<rte_mbuf*, kBatch> frames;
  for (std::size_t from = 0; from < state.steering.workers(); ++from) {
    const std::size_t taken = take_passed_frames(state, from, frames);
    for (rte_mbuf* mbuf : std::span(frames).first(taken)) queue_frame(state, mbuf, mbuf->port);
    count += taken;
  }
  return count;
}

void flush_transmit(WorkerState& state) {
  for (std::size_t i = 0; i < state.transmit.size(); ++i)
    if (state.transmit[i].count != 0) flush_port(state, i);
}

}  // namespace sluice::dataplane
