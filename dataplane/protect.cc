#include "dataplane/protect.h"

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/transmit.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint32_t kMaxRtcpIndex = 0x7fffffff;

}  // namespace

void Protect::rtp(WorkerState& state, OutgoingBatch& batch) {
  const auto packets = std::span(batch.packets).first(batch.count);
  std::size_t jobs = 0;
  for (OutgoingPacket& packet : packets) {
    if (state.endpoint(packet.endpoint).tag_length == 0) {
      std::uint8_t* payload = packet.packet + packet.header_length;
      if (payload != packet.payload) std::memcpy(payload, packet.payload, packet.payload_length);
      packet.length = static_cast<std::uint16_t>(packet.header_length + packet.payload_length);
      continue;
    }
    crypto::RtpProtectJob& job = rtp_jobs_[jobs++];
    job.keys = &state.memory.keys[packet.endpoint].send;
    job.packet = packet.packet;
    job.payload = packet.payload;
    job.index = packet.index;
    job.ssrc = packet.ssrc;
    job.header_length = packet.header_length;
    job.payload_length = packet.payload_length;
  }
  if (jobs != 0) state.engine->protect(std::span(rtp_jobs_).first(jobs));
  const crypto::RtpProtectJob* job = rtp_jobs_.data();
  for (OutgoingPacket& packet : packets) {
    if (state.endpoint(packet.endpoint).tag_length == 0) continue;
    packet.length = job->length;
    if ((job++)->status == crypto::SrtpStatus::kOk) continue;
    state.drop(packet.mbuf, DropReason::kProtectFailed);
    packet.mbuf = nullptr;
  }
  if (batch.finished_count != 0) rte_pktmbuf_free_bulk(batch.finished.data(), batch.finished_count);
}

void Protect::reports(WorkerState& state) {
  const auto entries = std::span(state.reports.entries).first(state.reports.count);
  state.reports.count = 0;
  std::size_t jobs = 0;
  for (const ReportBuffer::Entry& entry : entries) {
    EndpointSlot& endpoint = state.endpoint(entry.endpoint);
    if (!endpoint.encrypted || endpoint.rtcp_index == kMaxRtcpIndex) continue;
    rtcp_jobs_[jobs++] = {&state.memory.keys[entry.endpoint].send,
                          rte_pktmbuf_mtod(entry.mbuf, std::uint8_t*),
                          ++endpoint.rtcp_index,
                          entry.mbuf->data_len,
                          {}};
  }
  if (jobs != 0) state.engine->protect_rtcp(std::span(rtcp_jobs_).first(jobs));
  std::size_t job = 0;
  for (const ReportBuffer::Entry& entry : entries) {
    EndpointSlot& endpoint = state.endpoint(entry.endpoint);
    if (endpoint.encrypted) {
      const bool sealed = job < jobs && rtcp_jobs_[job].packet == rte_pktmbuf_mtod(entry.mbuf, std::uint8_t*);
      const crypto::RtcpProtectJob& done = rtcp_jobs_[job];
      if (sealed) ++job;
      if (!sealed || done.status != crypto::SrtpStatus::kOk) {
        state.drop(entry.mbuf, DropReason::kProtectFailed);
        continue;
      }
      entry.mbuf->data_len = done.length;
      entry.mbuf->pkt_len = done.length;
    }
    send_datagram(state, entry.mbuf, entry.endpoint, endpoint.rtcp_mux ? endpoint.rtp : endpoint.rtcp);
  }
}

}  // namespace sluice::dataplane
