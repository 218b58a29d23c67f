#include "dataplane/stages/streams.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "dataplane/state/keyframe_queue.h"

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

EndpointSlot& endpoint_of(WorkerState& state, const StreamSlot& stream) {
  return state.endpoint(stream.endpoint.load(std::memory_order_relaxed));
}

bool lists(const SourceSlot& source, std::uint8_t payload_type) {
  const auto end = source.payload_types.begin() + source.payload_type_count;
  return std::find(source.payload_types.begin(), end, payload_type) != end;
}

bool is_named(const auto& name, std::uint8_t length, const auto& wanted, std::uint8_t wanted_length) {
  return wanted_length == 0 ||
         (length == wanted_length && std::equal(name.begin(), name.begin() + length, wanted.begin()));
}

bool matches(const WorkerState& state, const SourceSlot& source, const StreamSlot& stream) {
  const std::uint8_t type = stream.payload_type.load(std::memory_order_relaxed);
  const bool is_repair =
      stream.is_repair || state.memory.endpoints[source.endpoint.slot].repair_types.has(type);
  if (is_repair && source.match != SourceMatch::kSsrc) return false;
  switch (source.match) {
    case SourceMatch::kAny:
      return true;
    case SourceMatch::kSsrc:
      return stream.ssrc.load(std::memory_order_relaxed) == source.ssrc;
    case SourceMatch::kPayloadType:
      return lists(source, type);
    case SourceMatch::kName:
      return is_named(stream.mid, stream.mid_length, source.mid, source.mid_length) &&
             is_named(stream.rid, stream.rid_length, source.rid, source.rid_length);
  }
  return false;
}

// Whether packets of the present payload type of the stream go to the source that it feeds.
bool is_meant(const WorkerState& state, const SourceSlot& source, const StreamSlot& stream) {
  const std::uint8_t type = stream.payload_type.load(std::memory_order_relaxed);
  if (source.match != SourceMatch::kPayloadType || lists(source, type)) return true;
  for (std::uint32_t at = state.memory.endpoints[source.endpoint.slot].first_source; at != kNoSlot;
       at = state.memory.sources[at].next) {
    const SourceSlot& other = state.memory.sources[at];
    if (other.match == SourceMatch::kPayloadType && lists(other, type)) return false;
  }
  return true;  // a digit between the packets of a codec, for example
}

// The place of the source in StreamSlot::sources: the one that it has, a free one, or that of a source that
// another stream has taken. Places do not move, because packets of this batch name them (MediaPacket::fed).
// kMaxSourcesPerStream when there is no place.
std::uint8_t place_of(const WorkerState& state, std::uint32_t stream_slot, std::uint32_t source_slot) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  const auto end = stream.sources.begin() + stream.source_count;
  const auto own = std::find(stream.sources.begin(), end, source_slot);
  if (own != end) return static_cast<std::uint8_t>(own - stream.sources.begin());
  if (stream.source_count != kMaxSourcesPerStream) return stream.source_count;
  const auto lost = std::find_if(stream.sources.begin(), end, [&](std::uint32_t source) {
    return state.memory.sources[source].stream != stream_slot;
  });
  return static_cast<std::uint8_t>(lost - stream.sources.begin());
}

// Does nothing when the stream feeds as many sources as it can.
void bind(WorkerState& state, std::uint32_t stream_slot, std::uint32_t source_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  SourceSlot& source = state.memory.sources[source_slot];
  const std::uint8_t place = place_of(state, stream_slot, source_slot);
  if (place == kMaxSourcesPerStream) return;
  stream.sources[place] = source_slot;
  if (place == stream.source_count) ++stream.source_count;
  const std::uint32_t before = source.stream;
  source.stream = stream_slot;
  source.taken_packets = stream.packets.read();
  source.challenger = kNoSlot;
  stream.clock_rate.set(source.clock_rate);
  stream.jitter_clock_rate = source.clock_rate;
  // A stream that only begins sends a key frame by itself.
  const bool was_running = stream.packets.read() != 0;
  if (source.keyframe_wanted || (source.keyframe_count != 0 && was_running && before != stream_slot)) {
    source.keyframe_wanted = false;
    want_keyframe(state, stream_slot, KeyframeRequest::kPli, state.now);
  }
  refresh_direct_route(state, stream_slot);
  if (before == kNoSlot || before == stream_slot) return;
  state.memory.streams[before].contends = true;
  refresh_direct_route(state, before);
}

// ---- the contest for a source (streams.h)

// Whether a route of the source maps the stream's payload type. True when other workers have routes of the
// source, because their mappings are not known here.
bool is_of_kind(const SourceSlot& source, const StreamSlot& stream) {
  return source.route_count == 0 || source.lent_to != 0 ||
         source.mapped_types.has(stream.payload_type.load(std::memory_order_relaxed));
}

std::uint64_t to_tsc(const WorkerState& state, std::uint64_t us) {
  return us * (state.tsc_hz / 1'000'000);
}

// Rule 2: whether the former feeder takes the source back.
bool takes_back(const WorkerState& state, SourceSlot& source, std::uint32_t stream_slot) {
  if (source.former != stream_slot) return false;
  const StreamSlot& feeder = state.memory.streams[source.stream];
  const StreamSlot& stream = state.memory.streams[stream_slot];
  return feeder.packets.read() - source.taken_packets <= 1 ||
         stream.packets.read() + 1 - source.former_packets >= kGoesOn;
}

// Rules 3 and 4: whether the feeder has been silent for long enough.
bool outlasts(const WorkerState& state, SourceSlot& source, std::uint32_t stream_slot) {
  const StreamSlot& feeder = state.memory.streams[source.stream];
  const std::uint64_t silence = state.now - feeder.last_packet_tsc.read();
  if (state.now - source.claimed_tsc > to_tsc(state, kCalmUs)) source.contests = 0;
  source.claimed_tsc = state.now;
  if (source.challenger != stream_slot || source.challenged_packets != feeder.packets.read()) {
    const std::uint64_t last = state.memory.streams[stream_slot].last_packet_tsc.read();
    source.challenger = stream_slot;
    source.challenged_packets = feeder.packets.read();
    source.returns = state.now - last >= to_tsc(state, kReturnUs);
    source.claims = 0;
  }
  if (source.claims < 2) ++source.claims;
  const bool is_patient = !source.returns && source.contests != 0;
  const std::uint64_t patience =
      is_patient ? to_tsc(state, std::min(kFirstPatienceUs << (source.contests - 1), kMostPatienceUs)) : 0;
  return source.claims == 2 ? silence >= patience : silence >= std::max(to_tsc(state, kSilenceUs), patience);
}

// The stream matches the source, does not feed it, and claims it with a packet. False when the feeder keeps
// it. True when the stream feeds it from now on, or has no place for it.
bool claim(WorkerState& state, std::uint32_t stream_slot, std::uint32_t source_slot, bool begins) {
  SourceSlot& source = state.memory.sources[source_slot];
  const StreamSlot& stream = state.memory.streams[stream_slot];
  if (place_of(state, stream_slot, source_slot) == kMaxSourcesPerStream) return true;
  const std::uint32_t before = source.stream;
  if (before == kNoSlot) {
    source.former = kNoSlot;
    bind(state, stream_slot, source_slot);
    return true;
  }
  const StreamSlot& feeder = state.memory.streams[before];
  const bool of_kind = is_of_kind(source, stream);
  if (of_kind != is_of_kind(source, feeder)) {
    if (!of_kind) return false;
    source.former = kNoSlot;
  } else if (begins) {
    // A feeder that has sent one packet only has not become the former one: the one before it stays that.
    if (source.former == kNoSlot || feeder.packets.read() - source.taken_packets > 1) {
      source.former = before;
      source.former_packets = feeder.packets.read();
    }
  } else {
    if (!takes_back(state, source, stream_slot)) {
      if (!outlasts(state, source, stream_slot)) return false;
      if (!source.returns && source.contests < 8) ++source.contests;
    }
    source.former = kNoSlot;
  }
  bind(state, stream_slot, source_slot);
  return true;
}

// Tells the control thread that the stream sends media.
void tell_started(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  stream.ended.store(false, std::memory_order_relaxed);
  Note note;
  note.kind = NoteKind::kStreamStarted;
  const std::uint32_t endpoint = stream.endpoint.load(std::memory_order_relaxed);
  note.ref = {endpoint, state.endpoint(endpoint).generation};
  note.stream = {slot, stream.tenancy.load(std::memory_order_relaxed)};
  note.ssrc = stream.ssrc.load(std::memory_order_relaxed);
  state.tell(note);
}

// A packet of the stream came: the stream claims all sources that it matches and does not feed. `begins`
// tells whether it begins for a source.
void claim_all(WorkerState& state, std::uint32_t stream_slot, auto begins) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  const EndpointSlot& endpoint = endpoint_of(state, stream);
  if (stream.ended.load(std::memory_order_relaxed)) tell_started(state, stream_slot);  // goes on after a BYE
  stream.contends = false;
  for (std::uint32_t at = endpoint.first_source; at != kNoSlot; at = state.memory.sources[at].next) {
    const SourceSlot& source = state.memory.sources[at];
    if (matches(state, source, stream) && source.stream != stream_slot &&
        !claim(state, stream_slot, at, begins(source)))
      stream.contends = true;
  }
  refresh_direct_route(state, stream_slot);
}

// Gives the sources of the stream to other streams that match. REQUIRES: the stream is dormant, or its
// tenancy is over and it is out of its endpoint's list.
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
  stream.fed = 0;
  stream.contends = false;
  stream.direct_route = kNoSlot;
  stream.kept = false;
  endpoint_of(state, stream).has_cached_flow = false;
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
  stream.fed = 0;
  stream.contends = false;
  stream.direct_route = stream.direct_endpoint = kNoSlot;
  stream.kept = false;
  stream.jitter_clock_rate = 0;
  stream.named = stream.is_repair = false;
  stream.mid_length = stream.rid_length = 0;
  stream.restart_suspected = false;
  stream.refusals = 0;
  stream.rtp_window.reset();
  stream.rtcp_window.reset();
  stream.cycle_base = 0;
  stream.fir_sequence = 0;
  stream.transit_known = false;
  stream.home = {};
  stream.last_keyframe_request_tsc = 0;
  stream.keyframe_wanted = KeyframeRequest::kNone;  // keyframe_queued stays: the slot may be in the queue
  stream.sender_reports = {};                       // sender_report_waits stays, too
  stream.last_sender_report_tsc = stream.last_receiver_report_tsc = 0;
  stream.last_rtcp_tsc = 0;
  stream.repeats = 0;
  for (Counter* counter :
       {&stream.packets, &stream.bytes, &stream.base_index, &stream.highest_index, &stream.jitter,
        &stream.clock_rate, &stream.nacks, &stream.plis, &stream.firs, &stream.last_packet_tsc})
    counter->set(0);
}

// The stream of this SSRC made space before: packets from then stay spent. What signalling says of it is kept
// until its first RTP packet.
void restore_past(WorkerState& state, StreamSlot& stream, const SsrcKey& key) {
  const StreamPast* past = state.past_streams.find(key);
  if (past == nullptr) return;
  if (past->has_rtp) stream.rtp_window.restore(past->rtp_highest);
  if (past->has_rtcp) stream.rtcp_window.restore(past->rtcp_highest);
  if (!past->is_expected) state.past_streams.erase(key);
}

}  // namespace

void expect_stream(WorkerState& state, const SsrcKey& key, std::uint64_t index) {
  const std::uint32_t slot = find_stream(state, key.endpoint, key.ssrc);
  if (slot != kNoSlot && state.memory.streams[slot].rtp_window.started()) return;
  StreamPast past;
  if (const StreamPast* known = state.past_streams.find(key)) {
    if (known->has_rtp) return;
    past = *known;
    state.past_streams.erase(key);
  }
  past.rtp_highest = index;
  past.is_expected = true;
  past.refusals = 0;
  state.past_streams.remember(key, past);
}

void end_stream(WorkerState& state, std::uint32_t slot) {
  const StreamSlot& stream = state.memory.streams[slot];
  const std::uint32_t endpoint = stream.endpoint.load(std::memory_order_relaxed);
  if (state.endpoint(endpoint).encrypted) {
    const SsrcKey key{endpoint, stream.ssrc.load(std::memory_order_relaxed)};
    StreamPast past;
    if (const StreamPast* expected = state.past_streams.find(key)) past = *expected;
    state.past_streams.erase(key);
    past.has_rtp = stream.rtp_window.started();
    past.has_rtcp = stream.rtcp_window.started();
    if (past.has_rtp) past.rtp_highest = stream.rtp_window.highest();
    if (past.has_rtcp) past.rtcp_highest = static_cast<std::uint32_t>(stream.rtcp_window.highest());
    if (past.has_rtp || past.has_rtcp || past.is_expected) state.past_streams.remember(key, past);
  }
  forget_stream(state, slot);
}

void refresh_direct_route(WorkerState& state, std::uint32_t stream_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  // A packet is rewritten in place only when no other worker reads it.
  bool is_shared = is_mirror(stream);
  if (!is_shared) endpoint_of(state, stream).has_cached_flow = false;
  std::uint32_t routes = 0;
  std::uint32_t one = kNoSlot;
  stream.kept = false;
  stream.fed = 0;
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    const SourceSlot& source = state.memory.sources[stream.sources[i]];
    if (source.stream != stream_slot || !is_meant(state, source, stream)) continue;
    stream.fed |= static_cast<std::uint8_t>(1u << i);
    is_shared = is_shared || source.lent_to != 0;
    if (source.route_count == 0) continue;
    routes += source.route_count;
    stream.kept |= source.keep_count != 0;
    one = state.chunks[source.first_chunk].routes[0];
  }
  const bool is_direct = routes == 1 && !is_shared && !stream.contends;
  stream.direct_route = is_direct ? one : kNoSlot;
  if (is_direct) stream.direct_endpoint = state.memory.routes[one].endpoint.slot;
}

std::uint32_t create_stream(WorkerState& state, std::uint32_t endpoint_slot, std::uint32_t ssrc) {
  EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  if (endpoint.stream_count + 1U >= endpoint.max_streams) state.space_wanted_by = endpoint_slot;
  if (endpoint.stream_count >= endpoint.max_streams) return kNoSlot;
  const std::uint32_t slot = take_stream(state);
  if (state.free_stream == kNoSlot &&
      state.memory.stream_high_water.load(std::memory_order_relaxed) == state.memory.streams.size())
    state.space_wanted_by = endpoint_slot;
  if (slot == kNoSlot) return kNoSlot;
  StreamSlot& stream = state.memory.streams[slot];
  reset(stream, endpoint_slot, endpoint.generation, ssrc);
  if (endpoint.encrypted) restore_past(state, stream, {endpoint_slot, ssrc});
  stream.next = endpoint.first_stream;
  endpoint.first_stream = slot;
  ++endpoint.stream_count;
  [[maybe_unused]] const bool inserted = state.stream_by_ssrc.insert({endpoint_slot, ssrc}, slot);
  assert(inserted);  // the table holds as many streams as there are slots
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  state.memory.streams_in_use.set(state.memory.streams_in_use.read() + 1);
  return slot;
}

void forget_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  const std::uint32_t endpoint_slot = stream.endpoint.load(std::memory_order_relaxed);
  const std::uint32_t ssrc = stream.ssrc.load(std::memory_order_relaxed);
  EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // A reader that sees fields of the next stream in this slot also sees this store.
  std::atomic_thread_fence(std::memory_order_release);
  std::uint32_t* link = &endpoint.first_stream;
  while (*link != slot) link = &state.memory.streams[*link].next;
  *link = stream.next;
  --endpoint.stream_count;
  state.memory.streams_in_use.set(state.memory.streams_in_use.read() - 1);
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
  stream.fed = 1;
  stream.clock_rate.set(state.memory.sources[source_slot].clock_rate);
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return slot;
}

void forget_mirror_stream(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  stream.source_count = 0;
  stream.fed = 0;
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
  bind_stream(state, slot);
  tell_started(state, slot);
}

void bind_stream(WorkerState& state, std::uint32_t stream_slot) {
  claim_all(state, stream_slot, [](const SourceSlot&) { return true; });
}

void describe_stream(WorkerState& state, std::uint32_t stream_slot, std::uint8_t payload_type) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  const std::uint8_t before = stream.payload_type.load(std::memory_order_relaxed);
  stream.payload_type.store(payload_type, std::memory_order_relaxed);
  claim_all(state, stream_slot, [&](const SourceSlot& source) {
    return source.match == SourceMatch::kName ||
           (source.match == SourceMatch::kPayloadType && !lists(source, before));
  });
}

void contend(WorkerState& state, std::uint32_t stream_slot) {
  claim_all(state, stream_slot, [](const SourceSlot&) { return false; });
}

void bind_source(WorkerState& state, std::uint32_t source_slot) {
  SourceSlot& source = state.memory.sources[source_slot];
  source.former = source.challenger = kNoSlot;
  source.contests = 0;
  source.claimed_tsc = state.now;
  std::uint32_t best = kNoSlot;
  std::pair<bool, std::uint64_t> rank;  // of its kind, heard last
  for (std::uint32_t at = state.endpoint(source.endpoint.slot).first_stream; at != kNoSlot;
       at = state.memory.streams[at].next) {
    StreamSlot& stream = state.memory.streams[at];
    if (stream.dormant.load(std::memory_order_relaxed) || !matches(state, source, stream)) continue;
    stream.contends = true;  // until it has claimed the source in vain, or has it
    refresh_direct_route(state, at);
    const std::pair own{is_of_kind(source, stream), stream.last_packet_tsc.read()};
    if (best != kNoSlot && own <= rank) continue;
    best = at;
    rank = own;
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
