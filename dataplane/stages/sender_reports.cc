#include "dataplane/stages/sender_reports.h"

#include <algorithm>
#include <cassert>

#include "dataplane/stages/lend.h"
#include "dataplane/stages/rtcp_compound.h"

namespace sluice::dataplane {
namespace {

// Reports that are looked at in one turn, with receivers or without.
constexpr std::size_t kStreamsPerTurn = 64;

static_assert(kReportsPerTurn >= FanoutChunk::kRoutes, "a turn serves a chunk at least");

bool is_too_soon(const WorkerState& state, const StreamSlot& stream) {
  return state.is_within(stream.last_sender_report_tsc, 1000 / kSenderReportsPerSecond);
}

// Whether the stream is still the one that sent the report, with the same clock.
bool is_current(const StreamSlot& stream, const SenderReportJob& job) {
  return stream.tenancy.load(std::memory_order_relaxed) == job.tenancy && stream.epoch == job.epoch;
}

// Only a route that has sent packets of this stream: before that its timestamp delta is not known.
bool speaks(const RouteSlot& route, const SenderReportJob& job) {
  return route.stream == job.stream && route.stream_tenancy == job.tenancy && route.stream_epoch == job.epoch;
}

void fill(SenderReportJob& job, const StreamSlot& stream, std::uint32_t slot,
          std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname) {
  assert(sender_info.size() == job.info.size() && cname.size() <= job.cname.size());
  job.stream = slot;
  job.tenancy = stream.tenancy.load(std::memory_order_relaxed);
  job.epoch = stream.epoch;
  job.source = 0;
  job.is_within = job.is_begun = false;
  std::copy(sender_info.begin(), sender_info.end(), job.info.begin());
  job.cname_length = static_cast<std::uint8_t>(cname.size());
  std::copy(cname.begin(), cname.end(), job.cname.begin());
}

void send_report(WorkerState& state, const RouteSlot& route, const SenderReportJob& job) {
  std::array<std::uint8_t, kSenderInfoLength> info = job.info;
  store_be32(&info[8], load_be32(&info[8]) + route.timestamp_delta);
  store_be32(&info[12], static_cast<std::uint32_t>(route.packets.read()));
  store_be32(&info[16], static_cast<std::uint32_t>(route.bytes.read()));
  const auto cname = std::span(job.cname).first(job.cname_length);
  RtcpCompound compound(state, route.endpoint.slot);
  compound.begin(route.ssrc, info, {}, cname.empty() ? own_cname() : cname);
  compound.finish();
  state.counters().feedback_forwarded.add();
}

void send_to_chunk(WorkerState& state, const FanoutChunk& chunk, const SenderReportJob& job) {
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    const RouteSlot& route = state.memory.routes[chunk.routes[i]];
    if (speaks(route, job) && can_send_rtcp(state.endpoint(route.endpoint.slot)))
      send_report(state, route, job);
  }
}

// Sends to the routes of whole chunks while `left`, a number of routes, lasts. True when the report is done.
bool go_on(WorkerState& state, SenderReportJob& job, std::size_t& left) {
  const StreamSlot& stream = state.memory.streams[job.stream];
  if (!is_current(stream, job)) return true;
  if (!job.is_begun && !is_mirror(stream))
    lend_report(state, job.stream, job.info, std::span(job.cname).first(job.cname_length));
  job.is_begun = true;
  for (; job.source < stream.source_count; ++job.source, job.is_within = false) {
    SourceSlot& source = state.memory.sources[stream.sources[job.source]];
    if (source.stream != job.stream) continue;
    if (!job.is_within) source.report_chunk = source.first_chunk;
    job.is_within = true;
    while (source.report_chunk != kNoSlot) {
      const FanoutChunk& chunk = state.chunks[source.report_chunk];
      if (chunk.count > left) return false;
      left -= chunk.count;
      send_to_chunk(state, chunk, job);
      source.report_chunk = chunk.next;
    }
  }
  return true;
}

}  // namespace

void take_sender_report(WorkerState& state, std::uint32_t stream_slot,
                        std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  SenderReportQueue& queue = state.sender_reports;
  const bool waits = stream.sender_report_waits && is_current(stream, queue[stream.sender_report_job]);
  const bool is_first = !waits || queue[stream.sender_report_job].is_begun;
  // The home worker of a mirror has applied the limit.
  if (is_first && !is_mirror(stream) && is_too_soon(state, stream))
    return state.counters().feedback_suppressed.add();
  if (!stream.sender_report_waits) stream.sender_report_job = queue.push();
  stream.sender_report_waits = stream.sender_report_job != kNoSlot;
  if (waits || !stream.sender_report_waits) state.counters().feedback_suppressed.add();
  if (!stream.sender_report_waits) return;
  fill(queue[stream.sender_report_job], stream, stream_slot, sender_info, cname);
  if (is_first)
    std::copy_backward(stream.sender_reports.begin(), stream.sender_reports.end() - 1,
                       stream.sender_reports.end());
  stream.sender_reports[0] = load_be32(sender_info.data() + 2);  // the middle of the NTP time, as LSR has it
  stream.last_sender_report_tsc = state.now;
}

void send_sender_reports(WorkerState& state) {
  SenderReportQueue& queue = state.sender_reports;
  std::size_t left = kReportsPerTurn;
  for (std::size_t i = 0; i < kStreamsPerTurn && !queue.empty(); ++i) {
    SenderReportJob& job = queue[queue.front()];
    const std::size_t before = left;
    if (!go_on(state, job, left)) {
      // One that got nothing of this turn is the first of the next one.
      if (left != before) queue.rotate();
      return;
    }
    state.memory.streams[job.stream].sender_report_waits = false;
    queue.pop();
  }
}

}  // namespace sluice::dataplane
