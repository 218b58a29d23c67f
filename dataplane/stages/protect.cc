#include "dataplane/stages/protect.h"

#include <rte_mbuf.h>

#include <cstring>

#include "crypto/srtp/mki.h"
#include "dataplane/stages/transmit.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint32_t kMaxRtcpIndex = 0x7fffffff;

// Drops the packets that the engine refused. Rare: the key has reached its packet limit, or the library
// failed.
[[gnu::cold]] void drop_unsealed(WorkerState& state, OutgoingBatch& batch) {
  const crypto::RtpProtectJob* seal = batch.seals.data();
  for (OutgoingPacket& packet : std::span(batch.packets).first(batch.count)) {
    if (packet.receiver->tag_length == 0) continue;
    if ((seal++)->status == crypto::SrtpStatus::kOk) continue;
    state.drop(packet.mbuf, DropReason::kProtectFailed);
    packet.mbuf = nullptr;
  }
}

}  // namespace

void protect(WorkerState& state, OutgoingBatch& batch) {
  if (batch.has_plain_payloads) {
    for (const OutgoingPacket& packet : std::span(batch.packets).first(batch.count))
      if (packet.payload != nullptr)
        std::memcpy(packet.packet + packet.header_length, packet.payload, packet.payload_length);
  }
  if (batch.seal_count != 0) {
    const auto seals = std::span(batch.seals).first(batch.seal_count);
    state.engine->protect(seals);
    bool refused = false;
    for (crypto::RtpProtectJob& seal : seals) {
      if (seal.status != crypto::SrtpStatus::kOk) [[unlikely]]
        refused = true;
      else if (seal.keys->mki_length != 0) [[unlikely]]
        seal.length = crypto::add_mki(*seal.keys, crypto::MkiOf::kRtp, seal.packet, seal.length);
    }
    if (refused) drop_unsealed(state, batch);
  }
  if (batch.finished_count != 0) rte_pktmbuf_free_bulk(batch.finished.data(), batch.finished_count);
}

void seal_reports(WorkerState& state) {
  const auto entries = std::span(state.reports.entries).first(state.reports.count);
  auto& seals = state.reports.seals;
  state.reports.count = 0;
  std::size_t jobs = 0;
  for (const ReportBuffer::Entry& entry : entries) {
    EndpointSlot& endpoint = state.endpoint(entry.endpoint);
    if (!endpoint.encrypted || endpoint.rtcp_index.read() >= kMaxRtcpIndex) continue;
    endpoint.rtcp_index.add();
    seals[jobs++] = {&state.memory.keys[entry.endpoint].send,
                     rte_pktmbuf_mtod(entry.mbuf, std::uint8_t*),
                     static_cast<std::uint32_t>(endpoint.rtcp_index.read()),
                     entry.mbuf->data_len,
                     {}};
  }
  if (jobs != 0) state.engine->protect_rtcp(std::span(seals).first(jobs));
  std::size_t job = 0;
  for (const ReportBuffer::Entry& entry : entries) {
    EndpointSlot& endpoint = state.endpoint(entry.endpoint);
    if (endpoint.encrypted) {
      const bool sealed = job < jobs && seals[job].packet == rte_pktmbuf_mtod(entry.mbuf, std::uint8_t*);
      const crypto::RtcpProtectJob& done = seals[job];
      if (sealed) ++job;
      if (!sealed || done.status != crypto::SrtpStatus::kOk) {
        state.drop(entry.mbuf, DropReason::kProtectFailed);
        continue;
      }
      const std::uint16_t length =
          done.keys->mki_length == 0
              ? done.length
              : crypto::add_mki(*done.keys, crypto::MkiOf::kRtcp, done.packet, done.length);
      entry.mbuf->data_len = length;
      entry.mbuf->pkt_len = length;
    }
    send_datagram(state, entry.mbuf, entry.endpoint, endpoint.rtcp_mux ? endpoint.rtp : endpoint.rtcp);
  }
}

}  // namespace sluice::dataplane
