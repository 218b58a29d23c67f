#include "dataplane/stages/forward.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/srtp/packet_index.h"
#include "dataplane/base/prefetch.h"
#include "dataplane/stages/flow_cache.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/numbering.h"

namespace sluice::dataplane {
namespace {

// The outgoing index and timestamp of one packet on a route.
struct Mapped {
  std::uint64_t index;
  std::uint32_t timestamp;
};

// For a packet without a direct route: whether it has routes on this worker. Sets in `lent_to` the bits of
// the other workers that have a mirror.
bool has_routes(const WorkerState& state, const MediaPacket& packet, std::uint32_t& lent_to) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  bool found = false;
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    if ((packet.fed >> i & 1) == 0) continue;
    const SourceSlot& source = state.memory.sources[stream.sources[i]];
    found = found || source.route_count != 0;
    lent_to |= source.lent_to;
  }
  return found;
}

std::optional<std::uint8_t> map_payload_type(const RouteSlot& route, std::uint8_t from) {
  if (route.payload_type_count == 0) return from;
  for (std::uint8_t i = 0; i < route.payload_type_count; ++i)
    if (route.payload_types[i].from == from) return route.payload_types[i].to;
  return std::nullopt;
}

// The reason why the packet cannot leave by the route now. It is checked before the route's state changes, so
// that a packet that cannot leave uses up no number. On success sets `payload_type` to the outgoing one.
[[gnu::always_inline]] inline std::optional<DropReason> unsendable(const RouteSlot& route,
                                                                   const EndpointSlot& receiver,
                                                                   const MediaPacket& packet,
                                                                   std::uint8_t& payload_type) {
  if (!receiver.rtp.known()) return DropReason::kNoRemote;
  if (!receiver.can_seal) return DropReason::kReceiverNotReady;
  if (receiver.rtp.length + packet.length + receiver.tag_length > receiver.max_frame)
    return DropReason::kTooBig;
  const auto mapped = map_payload_type(route, packet.rtp.payload_type);
  if (!mapped) return DropReason::kPayloadTypeUnmapped;
  payload_type = *mapped;
  return std::nullopt;
}

// Another stream feeds the route from now on. The route continues where the last stream ended: the sequence
// number grows by one, and the timestamp by the time that has passed, at the negotiated clock rate.
[[gnu::cold, gnu::noinline]] void switch_stream(WorkerState& state, std::uint32_t route_slot,
                                                const MediaPacket& packet) {
  RouteSlot& route = state.memory.routes[route_slot];
  const StreamSlot& stream = state.memory.streams[packet.stream];
  const std::uint64_t first =
      route.started ? route.highest_index.read() + 1 : route.first_index + route.reorder_room;
  if (route.started) {
    // Since the first packet of that timestamp: those of a digit all have the timestamp of its beginning (RFC
    // 4733 2.5.1.2), and what follows comes after its end.
    const std::uint32_t passed = state.clock_units(state.now - route.last_timestamp_tsc, route.clock_rate);
    route.timestamp_delta = route.last_timestamp + std::max(passed, 1u) - packet.rtp.timestamp;
    route.switches.add();
    route.losses_known = false;
  } else {
    route.timestamp_delta = 0;
  }
  start_numbering(route, packet.index, first);
  if (!route.started) route.base_index = route.first_index;
  route.stream = packet.stream;
  route.stream_tenancy = stream.tenancy.load(std::memory_order_relaxed);
  route.stream_epoch = packet.epoch;
  if (!route.started) return;
  Note note;
  note.kind = NoteKind::kRouteSwitched;
  note.ref = {route_slot, route.generation};
  note.ssrc = stream.ssrc.load(std::memory_order_relaxed);
  state.tell(note);
}

// Writes the fixed header and maps the extensions. `header` is the received header itself, or its copy, in
// which everything behind the fixed header is already in place.
inline void write_rtp_header(const MediaPacket& packet, const RouteSlot& route, const Mapped& mapped,
                             std::uint8_t payload_type, const std::uint8_t* received, std::uint8_t* header) {
  // The first byte and the marker stay.
  const std::uint32_t first = (load_be32(received) & 0xff800000) | std::uint32_t{payload_type} << 16;
  store_be32(header, first | static_cast<std::uint16_t>(mapped.index));
  store_be32(header + 4, mapped.timestamp);
  store_be32(header + 8, route.ssrc);
  if (route.map_extensions && packet.rtp.extension_length != 0)
    map_extensions({header, packet.rtp.header_length}, packet.rtp, route.extension_ids);
}

// Whether the route's numbers are those of the stream's present run.
inline bool is_current(const RouteSlot& route, const StreamSlot& stream, const MediaPacket& packet) {
  return route.stream == packet.stream && route.stream_epoch == packet.epoch &&
         route.stream_tenancy == stream.tenancy.load(std::memory_order_relaxed);
}

// A packet of the run before, in the batch in which its sender has restarted.
inline bool is_of_earlier_run(const RouteSlot& route, const StreamSlot& stream, const MediaPacket& packet) {
  return route.stream == packet.stream &&
         route.stream_tenancy == stream.tenancy.load(std::memory_order_relaxed) &&
         static_cast<std::int32_t>(packet.epoch - route.stream_epoch) < 0;
}

// The highest packet of the route so far leaves with that index.
inline Mapped advance_to(const WorkerState& state, RouteSlot& route, std::uint64_t index,
                         const MediaPacket& packet) {
  const Mapped mapped{index, packet.rtp.timestamp + route.timestamp_delta};
  advance_to(route, mapped.index, mapped.timestamp, state.now);
  return mapped;
}

// What map_packet() leaves: the first packet of the route, late ones, and those that step too far.
[[gnu::cold, gnu::noinline]] std::optional<Mapped> map_unusual(WorkerState& state, RouteSlot& route,
                                                               std::uint32_t route_slot,
                                                               const MediaPacket& packet) {
  const std::optional<std::uint64_t> index = outgoing_index(route, packet.index);
  // For a packet from before the switch the result is below the base, or huge when it wraps around.
  if (!index || *index > crypto::kMaxPacketIndex || *index < route.base_index) return std::nullopt;
  if (!route.started) {
    route.started = true;
    route.last_timestamp_tsc = state.now;
    return advance_to(state, route, *index, packet);
  }
  if (*index <= route.highest_index.read())
    return Mapped{*index, packet.rtp.timestamp + route.timestamp_delta};
  if (*index - route.highest_index.read() < kMaxStep) return advance_to(state, route, *index, packet);
  switch_stream(state, route_slot, packet);
  return advance_to(state, route, route.base_index, packet);
}

// Updates the route's state. nullopt when the packet is from before the switch.
inline std::optional<Mapped> map_packet(WorkerState& state, RouteSlot& route, std::uint32_t route_slot,
                                        const StreamSlot& stream, const MediaPacket& packet) {
  if (!is_current(route, stream, packet)) [[unlikely]] {
    if (is_of_earlier_run(route, stream, packet)) return std::nullopt;
    switch_stream(state, route_slot, packet);
  }
  const std::uint64_t index = packet.index + route.index_delta;
  const std::uint64_t step = index - route.highest_index.read();
  if (is_next_step(step) && packet.index >= route.segment_from && route.started &&
      index <= crypto::kMaxPacketIndex) [[likely]]
    return advance_to(state, route, index, packet);
  return map_unusual(state, route, route_slot, packet);
}

// No payload type is mapped for the packet: the route takes it out, and closes the hole in the numbers when
// nothing newer has left.
[[gnu::cold, gnu::noinline]] void take_out(RouteSlot& route, const StreamSlot& stream,
                                           const MediaPacket& packet) {
  if (!route.started || !is_current(route, stream, packet) || packet.index < route.segment_from) return;
  const std::uint64_t index = packet.index + route.index_delta;
  if (index <= crypto::kMaxPacketIndex && index > route.highest_index.read())
    skip_number(route, packet.index);
}

// Adds the copy in `copy` to the batch, and writes its RTP header at `made`. The payload stays in the
// received buffer until protect writes it.
inline void add_copy(const WorkerState& state, const MediaPacket& packet, RouteSlot& route,
                     EndpointSlot& receiver, const Mapped& mapped, std::uint8_t payload_type, rte_mbuf* copy,
                     std::uint8_t* made, OutgoingBatch& out) {
  const std::uint16_t header_length = packet.rtp.header_length;
  const std::uint8_t* payload = packet.data + header_length;
  const auto payload_length = static_cast<std::uint16_t>(packet.length - header_length);
  write_rtp_header(packet, route, mapped, payload_type, packet.data, made);
  OutgoingPacket& outgoing = out.packets[out.count++];
  outgoing.mbuf = copy;
  outgoing.packet = made;
  outgoing.receiver = &receiver;
  outgoing.payload = nullptr;
  outgoing.length = static_cast<std::uint16_t>(packet.length + receiver.tag_length);
  outgoing.has_dscp = route.has_dscp;
  outgoing.dscp = route.dscp;
  if (receiver.tag_length != 0) {
    crypto::RtpProtectJob& seal = out.seals[out.seal_count++];
    seal.keys = &state.memory.keys[route.endpoint.slot].send;
    seal.packet = made;
    seal.payload = payload;
    seal.index = mapped.index;
    seal.ssrc = route.ssrc;
    seal.header_length = header_length;
    seal.payload_length = payload_length;
  } else if (payload != made + header_length) {
    outgoing.payload = payload;
    outgoing.header_length = header_length;
    outgoing.payload_length = payload_length;
    out.has_plain_payloads = true;
  }
  route.packets.add();
  route.bytes.add(payload_length);
}

// Where the frame of a copy begins in its buffer: at the beginning of a cache line, so that nearly always all
// headers lie in that line. It is computed from the buffer's address alone: the mbuf may be in no cache.
std::uint8_t* fresh_frame(const rte_mempool* pool, rte_mbuf* buffer) {
  return reinterpret_cast<std::uint8_t*>(rte_mbuf_buf_addr(buffer, const_cast<rte_mempool*>(pool))) +
         kHeadroom;
}

// Where the RTP header of a copy goes in its buffer. Copies the part behind the fixed header there. The fixed
// header is written later.
std::uint8_t* place_header(const WorkerState& state, const MediaPacket& packet, rte_mbuf* copy) {
  const std::uint16_t length = packet.rtp.header_length;
  std::uint8_t* made = fresh_frame(state.pool, copy) + CommonFrame::kPayloadOffset;
  if (length != kRtpFixedHeader)
    std::memcpy(made + kRtpFixedHeader, packet.data + kRtpFixedHeader, length - kRtpFixedHeader);
  return made;
}

// Rewrites one packet for one route: in the buffer `fresh` or, with `in_place`, in the received buffer. On
// failure returns the reason; both buffers are unchanged.
template <bool in_place>
inline std::optional<DropReason> make_copy(WorkerState& state, const MediaPacket& packet,
                                           const StreamSlot& stream, std::uint32_t route_slot,
                                           rte_mbuf* fresh, OutgoingBatch& out) {
  RouteSlot& route = state.memory.routes[route_slot];
  EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  std::uint8_t payload_type = 0;
  if (const auto reason = unsendable(route, receiver, packet, payload_type)) {
    if (*reason == DropReason::kPayloadTypeUnmapped) take_out(route, stream, packet);
    return reason;
  }
  rte_mbuf* copy = in_place ? packet.mbuf : fresh;
  if (copy == nullptr) return DropReason::kNoBuffer;
  const auto mapped = map_packet(state, route, route_slot, stream, packet);
  if (!mapped) return DropReason::kStaleAfterSwitch;
  std::uint8_t* made = in_place ? packet.data : place_header(state, packet, copy);
  add_copy(state, packet, route, receiver, *mapped, payload_type, copy, made, out);
  return std::nullopt;
}

// Copies the packet into the packet cache if its stream feeds a route that answers NACK.
void keep_for_nack(WorkerState& state, const StreamSlot& stream, const MediaPacket& packet) {
  if (!stream.kept) return;
  if (!state.cache_shares.take(packet.stream, packet.length + sizeof(CacheLine), state.now))
    return state.counters().not_kept.add();
  state.cache.keep({packet.stream, stream.tenancy.load(std::memory_order_relaxed), packet.index},
                   {packet.data, packet.length});
}

}  // namespace

void Forward::start(const WorkerState& state, std::span<MediaPacket> packets, bool borrowed) {
  for (const MediaPacket& packet : packets) {
    const StreamSlot& stream = state.memory.streams[packet.stream];
    if (stream.direct_route != kNoSlot || stream.source_count == 0) continue;
    const std::uint32_t chunk = state.memory.sources[stream.sources[0]].first_chunk;
    if (chunk != kNoSlot) prefetch(&state.chunks[chunk]);
  }
  packets_ = packets;
  borrowed_ = borrowed;
  at_ = 0;
  begun_ = false;
}

bool Forward::next(WorkerState& state, OutgoingBatch& out) {
  out.clear();
  wanted_count_ = 0;
  while (at_ < packets_.size() && out.count + wanted_count_ < kOutputs) {
    MediaPacket& packet = packets_[at_];
    if (!begun_) {
      if (state.memory.streams[packet.stream].direct_route != kNoSlot) {
        forward_directly(state, packet, out);
        ++at_;
        continue;
      }
      if (!begin_fan_out(state, packet)) {
        ++at_;
        continue;
      }
    }
    if (!list_routes(state, packet, kOutputs - out.count)) break;  // the batch is full
    if (!borrowed_) out.finished[out.finished_count++] = packet.mbuf;
    begun_ = false;
    ++at_;
  }
  if (wanted_count_ != 0) make_copies(state, out);
  return out.count != 0 || out.finished_count != 0 || at_ < packets_.size();
}

std::optional<DropReason> make_copy_again(WorkerState& state, std::span<const std::uint8_t> received,
                                          std::uint32_t route_slot, std::uint64_t outgoing_index,
                                          OutgoingBatch& out) {
  RouteSlot& route = state.memory.routes[route_slot];
  assert(out.count < out.packets.size());
  assert(state.memory.streams[route.stream].tenancy.load(std::memory_order_relaxed) == route.stream_tenancy);
  MediaPacket packet{};
  packet.data = const_cast<std::uint8_t*>(received.data());  // only read, since the copy has its own buffer
  packet.length = static_cast<std::uint16_t>(received.size());
  [[maybe_unused]] const bool parsed = parse_rtp(received, packet.rtp);
  assert(parsed);  // classify has parsed the same bytes
  EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  std::uint8_t payload_type = 0;
  if (const auto reason = unsendable(route, receiver, packet, payload_type)) return reason;
  rte_mbuf* copy = rte_pktmbuf_alloc(state.pool);
  if (copy == nullptr) return DropReason::kNoBuffer;
  const Mapped mapped{outgoing_index, packet.rtp.timestamp + route.timestamp_delta};
  add_copy(state, packet, route, receiver, mapped, payload_type, copy, place_header(state, packet, copy),
           out);
  route.retransmitted.add();
  return std::nullopt;
}

// Begins a packet without a direct route: it has several routes, is lent to or borrowed from other workers,
// or has no route at all. In the last case drops it and returns false.
bool Forward::begin_fan_out(WorkerState& state, MediaPacket& packet) {
  std::uint32_t lent_to = 0;
  if (!has_routes(state, packet, lent_to) && lent_to == 0) {
    state.counters().drop(DropReason::kNoRoute);
    if (!borrowed_) rte_pktmbuf_free(packet.mbuf);
    return false;
  }
  state.counters().forwarded.add();
  if (lent_to != 0) lend_packet(state, packet);
  keep_for_nack(state, state.memory.streams[packet.stream], packet);
  put_off(state, packet);
  begun_ = true;
  source_ = 0;
  chunk_ = kNoSlot;
  entry_ = 0;
  return true;
}

// Rewrites a packet with a single route in place.
void Forward::forward_directly(WorkerState& state, MediaPacket& packet, OutgoingBatch& out) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  keep_for_nack(state, stream, packet);
  state.counters().forwarded.add();
  state.counters().copies.add();
  if (const auto reason = make_copy<true>(state, packet, stream, stream.direct_route, nullptr, out))
    state.drop(packet.mbuf, *reason);
  else if (packet.continues && !packet.sender->has_cached_flow)
    learn_flow(state, packet);
}

// Lists the routes of the packet from the present position on. False when `room` copies are listed and the
// packet has more routes.
bool Forward::list_routes(const WorkerState& state, const MediaPacket& packet, std::size_t room) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  for (; source_ < stream.source_count; ++source_, chunk_ = kNoSlot) {
    if (((packet.fed & ~put_off_) >> source_ & 1) == 0) continue;
    const SourceSlot& source = state.memory.sources[stream.sources[source_]];
    if (chunk_ == kNoSlot) {
      chunk_ = source.first_chunk;
      entry_ = 0;
    }
    for (; chunk_ != kNoSlot; chunk_ = state.chunks[chunk_].next, entry_ = 0) {
      const FanoutChunk& chunk = state.chunks[chunk_];
      if (chunk.next != kNoSlot) prefetch(&state.chunks[chunk.next]);
      for (; entry_ < chunk.count; ++entry_) {
        if (wanted_count_ == room) return false;
        prefetch_to_write(&state.memory.routes[chunk.routes[entry_]], 2);
        wanted_[wanted_count_++] = {&packet, chunk.routes[entry_]};
      }
    }
  }
  return true;
}

// Makes the listed copies. The list may cover several packets, so that everything that a copy touches can be
// prefetched some copies ahead. list_routes() has prefetched the routes. This function prefetches the
// buffers, and the endpoints and keys of the routes.
void Forward::make_copies(WorkerState& state, OutgoingBatch& out) {
  constexpr std::size_t kAhead = 16;  // a copy takes about 20 cycles, a read from memory 350
  std::size_t left = wanted_count_;
  if (rte_mempool_get_bulk(state.pool, reinterpret_cast<void**>(buffers_.data()),
                           static_cast<unsigned>(left)) != 0)
    for (left = 0; left < wanted_count_ && (buffers_[left] = rte_mbuf_raw_alloc(state.pool)) != nullptr;)
      ++left;
  const std::size_t buffers = left;
  const auto fetch = [&](std::size_t i) {
    const std::uint32_t slot = state.memory.routes[wanted_[i].route].endpoint.slot;
    prefetch_to_write(&state.endpoint(slot).packets_sent, 2);
    crypto::prefetch(state.memory.keys[slot].send);
    if (i >= buffers) return;
    rte_mbuf* buffer = buffers_[buffers - 1 - i];
    prefetch_to_write(buffer);
    prefetch_to_write(fresh_frame(state.pool, buffer));
  };
  for (std::size_t i = 0; i < std::min(kAhead, wanted_count_); ++i) fetch(i);
  for (std::size_t i = 0; i < wanted_count_; ++i) {
    if (i + kAhead < wanted_count_) fetch(i + kAhead);
    const MediaPacket& packet = *wanted_[i].packet;
    rte_mbuf* buffer = left == 0 ? nullptr : buffers_[left - 1];
    const StreamSlot& stream = state.memory.streams[packet.stream];
    if (const auto reason = make_copy<false>(state, packet, stream, wanted_[i].route, buffer, out))
      state.counters().drop(*reason);
    else
      --left;
  }
  state.counters().copies.add(wanted_count_);
  if (left != 0)
    rte_mempool_put_bulk(state.pool, reinterpret_cast<void**>(buffers_.data()), static_cast<unsigned>(left));
}

}  // namespace sluice::dataplane
