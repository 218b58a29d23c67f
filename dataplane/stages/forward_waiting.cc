// The part of forward for sources with many routes: their packets wait in state.fanouts, and copies of them
// are made in rounds.
#include <rte_mbuf.h>

#include <cstring>
#include <optional>

#include "dataplane/base/prefetch.h"
#include "dataplane/stages/forward.h"

namespace sluice::dataplane {
namespace {

// Packets that keep a port busy until the worker comes back.
constexpr std::size_t kEnoughWaiting = 1024;

// A buffer that the job may keep: the packet's own, or a copy of a borrowed one. nullptr when there is none.
rte_mbuf* keep_for_job(WorkerState& state, const MediaPacket& packet, bool is_borrowed, std::uint8_t*& data) {
  if (!is_borrowed) {
    rte_mbuf_refcnt_update(packet.mbuf, 1);
    data = packet.data;
    return packet.mbuf;
  }
  rte_mbuf* mbuf = rte_pktmbuf_alloc(state.pool);
  if (mbuf == nullptr) return nullptr;
  data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(data, packet.data, packet.length);
  return mbuf;
}

// The job's source; nullptr when it was removed. Of a slot that is not installed the control thread may be
// writing the generation.
const SourceSlot* source_of(const WorkerState& state, const FanoutJob& job) {
  const SourceSlot& source = state.memory.sources[job.source.slot];
  return source.installed && source.generation == job.source.generation ? &source : nullptr;
}

// Why the job's copies cannot be made any more; nullopt when they can.
std::optional<DropReason> overtaken(const WorkerState& state, const FanoutJob& job) {
  const StreamSlot& stream = state.memory.streams[job.stream];
  if (source_of(state, job) == nullptr) return DropReason::kStaleAfterSwitch;
  if (stream.tenancy.load(std::memory_order_relaxed) != job.tenancy) return DropReason::kStaleAfterSwitch;
  if (state.now - job.since > state.longest_wait) return DropReason::kFanoutLate;
  return std::nullopt;
}

// Whether the job's next copies are for a port that has enough to do. They wait for it only so long that they
// still come in time: a port that takes nothing must not hold up the receivers at other ports.
bool waits_for_port(WorkerState& state, const FanoutJob& job) {
  if (job.chunk == kNoSlot || state.now - job.since > state.longest_wait / 2) return false;
  const std::uint32_t receiver = state.memory.routes[state.chunks[job.chunk].routes[0]].endpoint.slot;
  return state.transmit[state.endpoint(receiver).transmit_index].queue.size() > kEnoughWaiting;
}

// Counts copies that are not made as made and dropped.
void count_dropped(WorkerState& state, std::uint32_t copies, DropReason reason) {
  state.counters().copies.add(copies);
  state.counters().drop(reason, copies);
}

void drop_front(WorkerState& state, DropReason reason) {
  const FanoutJob& job = state.fanouts.front();
  const SourceSlot* source = source_of(state, job);
  if (source != nullptr && source->route_count > job.made)
    count_dropped(state, source->route_count - job.made, reason);
  rte_pktmbuf_free(job.mbuf);
  state.fanouts.pop();
}

}  // namespace

// Makes jobs for the sources with many routes, and for those of which jobs wait already.
void Forward::put_off(WorkerState& state, MediaPacket& packet) {
  put_off_ = 0;
  const StreamSlot& stream = state.memory.streams[packet.stream];
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    if ((packet.fed >> i & 1) == 0) continue;
    const std::uint32_t slot = stream.sources[i];
    const SourceSlot& source = state.memory.sources[slot];
    if (source.route_count <= kLargeFanout && !state.fanouts.has(slot)) continue;
    put_off_ = static_cast<std::uint8_t>(put_off_ | 1u << i);
    FanoutJob job;
    job.mbuf = keep_for_job(state, packet, borrowed_, job.data);
    job.length = packet.length;
    job.source = {slot, source.generation};
    job.stream = packet.stream;
    job.tenancy = stream.tenancy.load(std::memory_order_relaxed);
    job.epoch = packet.epoch;
    job.index = packet.index;
    job.since = state.now;
    job.chunk = source.first_chunk;
    job.rtp = packet.rtp;
    if (job.mbuf != nullptr && state.fanouts.push(job)) continue;
    count_dropped(state, source.route_count,
                  job.mbuf == nullptr ? DropReason::kNoBuffer : DropReason::kFanoutLate);
    if (job.mbuf != nullptr) rte_pktmbuf_free(job.mbuf);
  }
}

// Lists the routes of the job's present chunks. False when the round is full before the last one. A job never
// rests within a chunk.
bool Forward::list_chunks(const WorkerState& state, const MediaPacket& packet, FanoutJob& job) {
  while (job.chunk != kNoSlot) {
    const FanoutChunk& chunk = state.chunks[job.chunk];
    if (wanted_count_ + chunk.count > kOutputs) return false;
    if (chunk.next != kNoSlot) prefetch(&state.chunks[chunk.next]);
    for (std::uint32_t i = 0; i < chunk.count; ++i) {
      prefetch_to_write(&state.memory.routes[chunk.routes[i]], 2);
      wanted_[wanted_count_++] = {&packet, chunk.routes[i]};
    }
    job.made += chunk.count;
    job.chunk = chunk.next;
  }
  return true;
}

void drop_fanouts(WorkerState& state) {
  while (!state.fanouts.empty()) drop_front(state, DropReason::kFanoutLate);
}

bool Forward::next_waiting(WorkerState& state, OutgoingBatch& out) {
  out.clear();
  wanted_count_ = 0;
  bool has_dropped = false;
  for (std::size_t used = 0; used < waiting_.size() && !state.fanouts.empty(); ++used) {
    FanoutJob& job = state.fanouts.front();
    if (const auto reason = overtaken(state, job)) {
      drop_front(state, *reason);
      has_dropped = true;
      continue;
    }
    if (state.waits_for_port && waits_for_port(state, job)) {
      state.fanouts.rotate();
      continue;
    }
    MediaPacket& packet = waiting_[used];
    packet.mbuf = job.mbuf;
    packet.data = job.data;
    packet.length = job.length;
    packet.stream = job.stream;
    packet.epoch = job.epoch;
    packet.index = job.index;
    packet.rtp = job.rtp;
    if (!list_chunks(state, packet, job)) {
      state.fanouts.rotate();
      break;
    }
    out.finished[out.finished_count++] = job.mbuf;
    state.fanouts.pop();
  }
  if (wanted_count_ != 0) make_copies(state, out);
  return out.count != 0 || out.finished_count != 0 || has_dropped;
}

}  // namespace sluice::dataplane
