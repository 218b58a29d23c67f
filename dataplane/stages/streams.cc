#include "dataplane/stages/streams.h"

#include <algorithm>
#include <cassert>

namespace sluice::dataplane {
namespace {

std::uint32_t take_stream(WorkerState& state) {
  std::uint32_t index = state.free_stream;
  if (index != kNoSlot) {
    state.free_stream = state.memory.streams[index].next;
    return index;
  }
  const std::uint32_t high_water = state.memory.stream_high_water.load(std::memory_order_relaxed);
  if (high_water == state.memory.streams.size()) return kNoSlot;
  state.memory.stream_high_water.store(high_water + 1, std::memory_order_release);
  return high_water;
}

bool matches(const SourceSlot& source, const StreamSlot& stream) {
  switch (source.match) {
    case SourceMatch::kAny:
      return true;
    case SourceMatch::kSsrc:
      return stream.ssrc.load(std::memory_order_relaxed) == source.ssrc;
    case SourceMatch::kPayloadType: {
      const auto end = source.payload_types.begin() + source.payload_type_count;
      return std::find(source.payload_types.begin(), end,
                       stream.payload_type.load(std::memory_order_relaxed)) != end;
    }
    case SourceMatch::kMid:
      return stream.mid_length == source.mid_length &&
             std::equal(stream.mid.begin(), stream.mid.begin() + stream.mid_length, source.mid.begin());
  }
  return false;
}

bool feeds(const StreamSlot& stream, std::uint32_t source) {
  const auto end = stream.sources.begin() + stream.source_count;
  return std::find(stream.sources.begin(), end, source) != end;
}

// Sources that other streams have taken over since must not use up the few places.
void drop_lost_sources(WorkerState& state, std::uint32_t stream_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  for (std::uint8_t i = 0; i < stream.source_count;) {
    if (state.memory.sources[stream.sources[i]].stream == stream_slot) {
      ++i;
    } else {
      stream.sources[i] = stream.sources[--stream.source_count];
    }
  }
}

void bind(WorkerState& state, std::uint32_t stream_slot, std::uint32_t source_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  SourceSlot& source = state.memory.sources[source_slot];
  if (!feeds(stream, source_slot)) {
    drop_lost_sources(state, stream_slot);
    if (stream.source_count == kMaxSourcesPerStream) return;
    stream.sources[stream.source_count++] = source_slot;
  }
  const std::uint32_t before = source.stream;
  source.stream = stream_slot;
  stream.clock_rate.set(source.clock_rate);
  stream.jitter_clock_rate = source.clock_rate;
  refresh_direct_route(state, stream_slot);
  if (before != kNoSlot && before != stream_slot) refresh_direct_route(state, before);
}

// What the stream feeds goes to the next best. REQUIRES: the stream is dormant, or its tenancy is over and
// it is out of its endpoint's list.
void release_sources(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  assert(stream.dormant.load(std::memory_order_relaxed) ||
         (stream.tenancy.load(std::memory_order_relaxed) & 1) == 0);
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    SourceSlot& source = state.memory.sources[stream.sources[i]];
    if (source.stream != slot) continue;
    source.stream = kNoSlot;
    bind_source(state, stream.sources[i]);
  }
  stream.source_count = 0;
  stream.direct_route = kNoSlot;
  stream.kept = false;
}

// Fields that the control thread reads are written between two steps of `tenancy` (see stream_slot.h).
void reset(StreamSlot& stream, std::uint32_t endpoint, std::uint32_t endpoint_generation,
           std::uint32_t ssrc) {
  stream.endpoint.store(endpoint, std::memory_order_relaxed);
  stream.endpoint_generation.store(endpoint_generation, std::memory_order_relaxed);
  stream.ssrc.store(ssrc, std::memory_order_relaxed);
  stream.payload_type.store(0, std::memory_order_relaxed);
  stream.ended.store(false, std::memory_order_relaxed);
  stream.dormant.store(true, std::memory_order_relaxed);
  stream.epoch = 0;
  stream.source_count = 0;
  stream.direct_route = stream.direct_endpoint = kNoSlot;
  stream.kept = false;
  stream.jitter_clock_rate = 0;
  stream.mid_length = 0;
  stream.restart_suspected = false;
  stream.rtp_window.reset();
  stream.rtcp_window.reset();
  stream.cycle_base = 0;
  stream.fir_sequence = 0;
  stream.transit_known = false;
  stream.home = {};
  stream.last_keyframe_request_tsc = 0;
  stream.last_receiver_report_tsc = 0;
  for (Counter* counter :
       {&stream.packets, &stream.bytes, &stream.base_index, &stream.highest_index, &stream.jitter,
        &stream.clock_rate, &stream.nacks, &stream.plis, &stream.firs, &stream.last_packet_tsc})
    counter->set(0);
}

}  // namespace

void refresh_direct_route(WorkerState& state, std::uint32_t stream_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  // Only a packet that no one else reads is rewritten in place.
  bool is_shared = is_mirror(stream);
  std::uint32_t routes = 0;
  std::uint32_t one = kNoSlot;
  stream.kept = false;
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    const SourceSlot& source = state.memory.sources[stream.sources[i]];
    if (source.stream != stream_slot) continue;
    is_shared = is_shared || source.lent_to != 0;
    if (source.route_count == 0) continue;
    routes += source.route_count;
    stream.kept |= source.retransmit_count != 0;
    one = state.chunks[source.first_chunk].routes[0];
  }
  const bool is_direct = routes == 1 && !is_shared;
  stream.direct_route = is_direct ? one : kNoSlot;
  if (is_direct) stream.direct_endpoint = state.memory.routes[one].endpoint.slot;
}

std::uint32_t create_stream(WorkerState& state, std::uint32_t endpoint_slot, std::uint32_t ssrc) {
  EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  if (endpoint.stream_count >= endpoint.max_streams) return kNoSlot;
  const std::uint32_t slot = take_stream(state);
  if (slot == kNoSlot) return kNoSlot;
  StreamSlot& stream = state.memory.streams[slot];
  reset(stream, endpoint_slot, endpoint.generation, ssrc);
  stream.next = endpoint.first_stream;
  endpoint.first_stream = slot;
  ++endpoint.stream_count;
  [[maybe_unused]] const bool inserted = state.stream_by_ssrc.insert({endpoint_slot, ssrc}, slot);
  assert(inserted);  // the table holds as many streams as there are slots
  const std::uint32_t tenancy = stream.tenancy.load(std::memory_order_relaxed) + 1;
  stream.tenancy.store(tenancy, std::memory_order_release);
  return slot;
}

void forget_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  const std::uint32_t endpoint_slot = stream.endpoint.load(std::memory_order_relaxed);
  const std::uint32_t ssrc = stream.ssrc.load(std::memory_order_relaxed);
  EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // A reader of the next tenant's fields sees this first.
  std::atomic_thread_fence(std::memory_order_release);
  std::uint32_t* link = &endpoint.first_stream;
  while (*link != slot) link = &state.memory.streams[*link].next;
  *link = stream.next;
  --endpoint.stream_count;
  release_sources(state, slot);
  state.stream_by_ssrc.erase({endpoint_slot, ssrc});
  if (endpoint.encrypted && endpoint.keys_ready)
    state.engine->forget(state.memory.keys[endpoint_slot].receive, ssrc);
  stream.next = state.free_stream;
  state.free_stream = slot;
}

std::uint32_t create_mirror_stream(WorkerState& state, std::uint32_t source_slot) {
  const std::uint32_t slot = take_stream(state);
  if (slot == kNoSlot) return kNoSlot;
  StreamSlot& stream = state.memory.streams[slot];
  reset(stream, kNoSlot, 0, 0);
  stream.next = kNoSlot;
  stream.sources[0] = source_slot;
  stream.source_count = 1;
  stream.clock_rate.set(state.memory.sources[source_slot].clock_rate);
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return slot;
}

void forget_mirror_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  stream.source_count = 0;
  stream.next = state.free_stream;
  state.free_stream = slot;
}

void retire_idle_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  if (!state.endpoint(stream.endpoint.load(std::memory_order_relaxed)).encrypted)
    return forget_stream(state, slot);
  stream.dormant.store(true, std::memory_order_relaxed);
  release_sources(state, slot);
}

void wake_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  stream.dormant.store(false, std::memory_order_relaxed);
  stream.ended.store(false, std::memory_order_relaxed);
  bind_stream(state, slot, true);
  Note note;
  note.kind = NoteKind::kStreamStarted;
  const std::uint32_t endpoint = stream.endpoint.load(std::memory_order_relaxed);
  note.ref = {endpoint, state.endpoint(endpoint).generation};
  note.stream = {slot, stream.tenancy.load(std::memory_order_relaxed)};
  note.ssrc = stream.ssrc.load(std::memory_order_relaxed);
  state.tell(note);
}

void bind_stream(WorkerState& state, std::uint32_t stream_slot, bool take_over) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  const EndpointSlot& endpoint = state.endpoint(stream.endpoint.load(std::memory_order_relaxed));
  for (std::uint32_t at = endpoint.first_source; at != kNoSlot; at = state.memory.sources[at].next) {
    const SourceSlot& source = state.memory.sources[at];
    if ((take_over || source.stream == kNoSlot) && matches(source, stream)) bind(state, stream_slot, at);
  }
}

void bind_mid(WorkerState& state, std::uint32_t stream_slot) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  const EndpointSlot& endpoint = state.endpoint(stream.endpoint.load(std::memory_order_relaxed));
  for (std::uint32_t at = endpoint.first_source; at != kNoSlot; at = state.memory.sources[at].next) {
    const SourceSlot& source = state.memory.sources[at];
    if (source.match == SourceMatch::kMid && matches(source, stream)) bind(state, stream_slot, at);
  }
}

void bind_source(WorkerState& state, std::uint32_t source_slot) {
  const SourceSlot& source = state.memory.sources[source_slot];
  std::uint32_t best = kNoSlot;
  std::uint64_t heard = 0;
  for (std::uint32_t at = state.endpoint(source.endpoint.slot).first_stream; at != kNoSlot;
       at = state.memory.streams[at].next) {
    const StreamSlot& stream = state.memory.streams[at];
    if (stream.dormant.load(std::memory_order_relaxed) || !matches(source, stream)) continue;
    if (best != kNoSlot && stream.last_packet_tsc.read() <= heard) continue;
    best = at;
    heard = stream.last_packet_tsc.read();
  }
  if (best != kNoSlot) bind(state, best, source_slot);
}

void unbind_source(WorkerState& state, std::uint32_t source_slot) {
  SourceSlot& source = state.memory.sources[source_slot];
  source.stream = kNoSlot;
  for (std::uint32_t at = state.endpoint(source.endpoint.slot).first_stream; at != kNoSlot;
       at = state.memory.streams[at].next) {
    StreamSlot& stream = state.memory.streams[at];
    for (std::uint8_t i = 0; i < stream.source_count; ++i)
      if (stream.sources[i] == source_slot) stream.sources[i--] = stream.sources[--stream.source_count];
    refresh_direct_route(state, at);
  }
}

}  // namespace sluice::dataplane
