#include "dataplane/stages/transmit.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <span>
#include <utility>

#include "dataplane/stages/send_queue_sharing.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint32_t kNoFlow = 0;   // of frames that belong to no session
constexpr int kOldDroppedAtOnce = 64;  // of those that wait
constexpr std::uint64_t kUsPerSecond = 1000000;

// Gives the port as many of the packets of the next burst as it takes. False when some are left.
bool send_burst(WorkerState& state, std::size_t index, TransmitBuffer& buffer) {
  const PortInfo& port = state.ports[index];
  const std::span packets(buffer.packets.data(), buffer.count);
  const bool passes_on = state.index >= port.transmit_queues;
  const std::uint16_t sent = passes_on ? pass_frames_on(state, port, packets)
                                       : rte_eth_tx_burst(port.id, static_cast<std::uint16_t>(state.index),
                                                          packets.data(), buffer.count);
  // The port may have freed what it took. So the bytes are those of all, less those that are left.
  std::uint64_t bytes = std::exchange(buffer.bytes, 0);
  for (rte_mbuf* left : packets.subspan(sent)) buffer.bytes += left->pkt_len;
  if (!passes_on) {
    state.counters().transmitted.add(sent);
    state.counters().transmitted_bytes.add(bytes - buffer.bytes);
  }
  std::copy(packets.begin() + sent, packets.end(), packets.begin());
  buffer.count = static_cast<std::uint16_t>(buffer.count - sent);
  return buffer.count == 0;
}

// Fills the next burst with packets that wait.
void refill(WorkerState& state, TransmitBuffer& buffer) {
  while (buffer.count < buffer.packets.size()) {
    const TransmitQueue::Waiting waiting = buffer.queue.pop();
    if (waiting.mbuf == nullptr) return;
    const std::uint64_t ticks = state.now - waiting.since;
    if (ticks > state.longest_wait) {
      state.drop(waiting.mbuf, DropReason::kTransmitQueueFull);
      continue;
    }
    state.counters().waits.add(ticks * kUsPerSecond / state.tsc_hz);
    buffer.add(waiting.mbuf);
  }
}

void drop_old(WorkerState& state, TransmitBuffer& buffer) {
  if (state.now < state.longest_wait) return;
  for (int i = 0; i < kOldDroppedAtOnce; ++i) {
    rte_mbuf* old = buffer.queue.pop_older_than(state.now - state.longest_wait);
    if (old == nullptr) return;
    state.drop(old, DropReason::kTransmitQueueFull);
  }
}

void queue_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  queue_on(state, state.port_index[port_id & 0xff], mbuf);
}

constexpr std::uint8_t kDscpOfTemplate = 0xff;

// `packet`: the `length` bytes of the UDP payload. REQUIRES: there is space for the headers in front of it.
[[gnu::always_inline]] inline void send(WorkerState& state, rte_mbuf* mbuf, std::uint8_t* packet,
                                        std::uint16_t length, EndpointSlot& endpoint,
                                        const HeaderTemplate& header, std::uint8_t dscp = kDscpOfTemplate) {
  std::uint8_t* frame = packet - header.length;
  mbuf->data_off = static_cast<std::uint16_t>(frame - static_cast<std::uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<std::uint16_t>(length + header.length);
  mbuf->pkt_len = mbuf->data_len;
  const bool in_software = state.transmit[endpoint.transmit_index].checksums == TransmitChecksums::kSoftware;
  if (in_software)
    write_headers(header, frame, length);
  else
    write_headers_for_offload(header, frame, length);
  if (dscp != kDscpOfTemplate) [[unlikely]]
    set_dscp(header, frame, dscp, in_software);
  send_made(state, mbuf, endpoint, header, length);
}

}  // namespace

void flush_port(WorkerState& state, std::size_t index) {
  TransmitBuffer& buffer = state.transmit[index];
  while (send_burst(state, index, buffer)) {
    if (buffer.queue.empty()) {
      buffer.is_full = false;
      return;
    }
    refill(state, buffer);
  }
  buffer.is_full = state.waits_for_port = true;
  if (!buffer.queue.empty()) drop_old(state, buffer);
}

void wait_for_port(WorkerState& state, TransmitBuffer& buffer, rte_mbuf* mbuf) {
  if (rte_mbuf* evicted = buffer.queue.push(mbuf, mbuf->hash.usr, state.now))
    state.drop(evicted, DropReason::kTransmitQueueFull);
}

void send_datagram(WorkerState& state, rte_mbuf* mbuf, std::uint32_t slot, const HeaderTemplate& header) {
  assert(header.known());
  send(state, mbuf, rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len, state.endpoint(slot), header);
}

void send_frame(WorkerState& state, rte_mbuf* mbuf, std::uint16_t port_id) {
  state.counters().injected.add();
  mbuf->hash.usr = kNoFlow;
  queue_frame(state, mbuf, port_id);
}

void transmit(WorkerState& state, OutgoingBatch& batch) {
  for (std::uint16_t i = 0; i < batch.count; ++i) {
    const OutgoingPacket& packet = batch.packets[i];
    if (packet.mbuf == nullptr) continue;
    send(state, packet.mbuf, packet.packet, packet.length, *packet.receiver, packet.receiver->rtp,
         packet.has_dscp ? packet.dscp : kDscpOfTemplate);
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
  const bool waited = state.waits_for_port;
  state.waits_for_port = false;
  for (std::size_t i = 0; i < state.transmit.size(); ++i)
    if (state.transmit[i].count != 0) flush_port(state, i);
  if (!waited && !state.waits_for_port) return;
  std::size_t waiting = 0;
  for (const TransmitBuffer& buffer : state.transmit) waiting += buffer.count + buffer.queue.size();
  state.counters().waiting.set(waiting);
}

void drop_waiting(WorkerState& state) {
  for (TransmitBuffer& buffer : state.transmit) {
    for (std::uint16_t i = 0; i < buffer.count; ++i)
      state.drop(buffer.packets[i], DropReason::kTransmitQueueFull);
    buffer.count = 0;
    buffer.bytes = 0;
    while (rte_mbuf* mbuf = buffer.queue.pop().mbuf) state.drop(mbuf, DropReason::kTransmitQueueFull);
    buffer.is_full = false;
  }
  state.waits_for_port = false;
  state.counters().waiting.set(0);
}

}  // namespace sluice::dataplane
