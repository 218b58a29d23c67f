#include "dataplane/forward.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "crypto/packet_index.h"
#include "dataplane/lend.h"
#include "dataplane/prefetch.h"

namespace sluice::dataplane {
namespace {

// Whether anything hangs on a packet that has no direct route, and which other workers have routes on it.
bool has_routes(const WorkerState& state, const MediaPacket& packet, std::uint32_t& lent_to) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  bool found = false;
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    const SourceSlot& source = state.memory.sources[stream.sources[i]];
    if (source.stream != packet.stream) continue;
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

// Why the endpoint cannot be sent to now; checked before the route moves, so that no number is spent on
// nothing.
std::optional<DropReason> unsendable(const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (!endpoint.rtp.known()) return DropReason::kNoRemote;
  if (!endpoint.can_seal) return DropReason::kReceiverNotReady;
  if (endpoint.rtp.length + packet.length + endpoint.tag_length > endpoint.max_frame)
    return DropReason::kTooBig;
  return std::nullopt;
}

// The stream that feeds the route is not the one that did: go on where the last one ended. The sequence
// number moves by one; the timestamp by the time that has passed, at the negotiated clock rate.
void switch_stream(WorkerState& state, std::uint32_t route_slot, std::uint32_t stream_slot,
                   std::uint64_t index, std::uint32_t timestamp) {
  RouteSlot& route = state.memory.routes[route_slot];
  const StreamSlot& stream = state.memory.streams[stream_slot];
  const std::uint64_t first = route.started ? route.highest_index + 1 : route.first_index;
  if (route.started) {
    const std::uint32_t passed = state.clock_units(state.now - route.last_sent_tsc, route.clock_rate);
    route.timestamp_delta = route.last_timestamp + std::max(passed, 1u) - timestamp;
    route.switches.add();
  } else {
    route.timestamp_delta = 0;
  }
  route.index_delta = first - index;
  route.base_index = first;
  route.stream = stream_slot;
  route.stream_tenancy = stream.tenancy.load(std::memory_order_relaxed);
  route.stream_epoch = stream.epoch;
  if (!route.started) return;
  Note note;
  note.kind = NoteKind::kRouteSwitched;
  note.ref = {route_slot, route.generation};
  note.ssrc = stream.ssrc.load(std::memory_order_relaxed);
  state.tell(note);
}

void write_rtp_header(const MediaPacket& packet, const RouteSlot& route, const Mapped& mapped,
                      std::uint8_t payload_type, std::uint8_t* header) {
  // The first byte and the marker stay.
  const std::uint32_t first = (load_be32(header) & 0xff800000) | std::uint32_t{payload_type} << 16;
  store_be32(header, first | static_cast<std::uint16_t>(mapped.index));
  store_be32(header + 4, mapped.timestamp);
  store_be32(header + 8, route.ssrc);
  if (route.map_extensions && packet.rtp.extension_length != 0)
    map_extensions({header, packet.rtp.header_length}, packet.rtp, route.extension_ids);
}

inline std::optional<Mapped> map_for(WorkerState& state, RouteSlot& route, std::uint32_t route_slot,
                                     const StreamSlot& stream, std::uint32_t stream_slot, std::uint64_t index,
                                     std::uint32_t timestamp) {
  if (route.stream != stream_slot || route.stream_tenancy != stream.tenancy.load(std::memory_order_relaxed) ||
      route.stream_epoch != stream.epoch)
    switch_stream(state, route_slot, stream_slot, index, timestamp);
  const Mapped mapped{index + route.index_delta, timestamp + route.timestamp_delta};
  // An index from before the switch comes out below the base, or huge where it wraps around.
  if (mapped.index > crypto::kMaxPacketIndex || mapped.index < route.base_index) return std::nullopt;
  if (!route.started || mapped.index > route.highest_index) {
    route.started = true;
    route.highest_index = mapped.index;
    route.last_timestamp = mapped.timestamp;
    route.last_sent_tsc = state.now;
  }
  return mapped;
}

}  // namespace

std::optional<Mapped> map_packet(WorkerState& state, std::uint32_t route_slot, std::uint32_t stream_slot,
                                 std::uint64_t index, std::uint32_t timestamp) {
  return map_for(state, state.memory.routes[route_slot], route_slot, state.memory.streams[stream_slot], stream_slot,
                 index, timestamp);
}

void Forward::start(std::span<MediaPacket> packets, bool borrowed) {
  packets_ = packets;
  borrowed_ = borrowed;
  at_ = 0;
  begun_ = false;
}

bool Forward::next(WorkerState& state, OutgoingBatch& out) {
  out.clear();
  while (at_ < packets_.size() && out.count < kOutputs) {
    MediaPacket& packet = packets_[at_];
    if (!begun_) {
      take_packet(state, packet, out);
      if (!begun_) {
        ++at_;
        continue;
      }
    }
    if (!fan_out(state, packet, out)) return true;  // the batch is full
    if (!borrowed_) out.finished[out.finished_count++] = packet.mbuf;
    begun_ = false;
    ++at_;
  }
  return out.count != 0 || out.finished_count != 0;
}

namespace {

// One copy more in the batch, in `copy`: its RTP header is rewritten at `made`, where it already lies; the payload
// stays at `payload` until protect writes it.
inline void add_copy(const WorkerState& state, const MediaPacket& packet, RouteSlot& route, EndpointSlot& receiver,
                     const Mapped& mapped, std::uint8_t payload_type, rte_mbuf* copy, std::uint8_t* made,
                     const std::uint8_t* payload, OutgoingBatch& out) {
  const std::uint16_t header_length = packet.rtp.header_length;
  const auto payload_length = static_cast<std::uint16_t>(packet.length - header_length);
  write_rtp_header(packet, route, mapped, payload_type, made);
  OutgoingPacket& outgoing = out.packets[out.count++];
  outgoing.mbuf = copy;
  outgoing.packet = made;
  outgoing.receiver = &receiver;
  outgoing.payload = nullptr;
  outgoing.length = static_cast<std::uint16_t>(packet.length + receiver.tag_length);
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

// The RTP header of a packet, copied to where a buffer of its own begins.
std::uint8_t* copy_header(const std::uint8_t* from, std::uint16_t length, rte_mbuf* to) {
  auto* made = rte_pktmbuf_mtod(to, std::uint8_t*);
  std::memcpy(made, from, kRtpFixedHeader);
  if (length != kRtpFixedHeader)
    std::memcpy(made + kRtpFixedHeader, from + kRtpFixedHeader, length - kRtpFixedHeader);
  return made;
}

// Rewrites one packet for one route, in `fresh` or, with `in_place`, in the buffer that it came in.
// On failure the reason; both buffers are untouched.
template <bool in_place>
inline std::optional<DropReason> make_copy(WorkerState& state, const MediaPacket& packet, const StreamSlot& stream,
                                           std::uint32_t route_slot, rte_mbuf* fresh, OutgoingBatch& out) {
  RouteSlot& route = state.memory.routes[route_slot];
  EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  if (const auto reason = unsendable(receiver, packet)) return reason;
  const auto payload_type = map_payload_type(route, packet.rtp.payload_type);
  if (!payload_type) return DropReason::kPayloadTypeUnmapped;
  rte_mbuf* copy = in_place ? packet.mbuf : fresh;
  if (copy == nullptr) return DropReason::kNoBuffer;
  const auto mapped =
      map_for(state, route, route_slot, stream, packet.stream, packet.index, packet.rtp.timestamp);
  if (!mapped) return DropReason::kStaleAfterSwitch;
  const std::uint16_t header_length = packet.rtp.header_length;
  std::uint8_t* made = in_place ? packet.data : copy_header(packet.data, header_length, copy);
  add_copy(state, packet, route, receiver, *mapped, *payload_type, copy, made, packet.data + header_length, out);
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> copy_again(WorkerState& state, std::span<const std::uint8_t> received,
                                     std::uint32_t route_slot, std::uint64_t outgoing_index,
                                     OutgoingBatch& out) {
  RouteSlot& route = state.memory.routes[route_slot];
  MediaPacket packet{};
  packet.length = static_cast<std::uint16_t>(received.size());
  parse_rtp(received, packet.rtp);  // true: it was when the packet came
  EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  if (const auto reason = unsendable(receiver, packet)) return reason;
  const auto payload_type = map_payload_type(route, packet.rtp.payload_type);
  if (!payload_type) return DropReason::kPayloadTypeUnmapped;
  rte_mbuf* copy = rte_pktmbuf_alloc(state.pool);
  if (copy == nullptr) return DropReason::kNoBuffer;
  const std::uint16_t header_length = packet.rtp.header_length;
  std::uint8_t* made = copy_header(received.data(), header_length, copy);
  const Mapped mapped{outgoing_index, packet.rtp.timestamp + route.timestamp_delta};
  add_copy(state, packet, route, receiver, mapped, *payload_type, copy, made, received.data() + header_length, out);
  route.retransmitted.add();
  return std::nullopt;
}

// The packet has several routes, or some on other workers, or is borrowed from one, or has none at all: then it
// is dropped.
bool Forward::begin_fan_out(WorkerState& state, MediaPacket& packet) {
  std::uint32_t lent_to = 0;
  if (!has_routes(state, packet, lent_to) && lent_to == 0) {
    state.counters().drop(DropReason::kNoRoute);
    if (!borrowed_) rte_pktmbuf_free(packet.mbuf);
    return false;
  }
  state.counters().forwarded.add();
  if (lent_to != 0) lend_packet(state, packet);
  begun_ = true;
  source_ = 0;
  chunk_ = kNoSlot;
  entry_ = 0;
  return true;
}

// Counts the packet as forwarded or drops it. A single route is served here, in place.
void Forward::take_packet(WorkerState& state, MediaPacket& packet, OutgoingBatch& out) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  const std::uint32_t direct = stream.direct_route;
  if (direct == kNoSlot && !begin_fan_out(state, packet)) return;
  if (stream.kept)
    state.cache.keep({packet.stream, stream.tenancy.load(std::memory_order_relaxed), packet.index},
                     {packet.data, packet.length});
  if (direct == kNoSlot) return;
  state.counters().forwarded.add();
  state.counters().copies.add();
  if (const auto reason = make_copy<true>(state, packet, stream, direct, nullptr, out)) state.drop(packet.mbuf, *reason);
}

// One copy for each of some routes that there is room for. Their buffers come in one go, and what the copies will
// touch is fetched a few ahead: the routes first, then the endpoints that they name.
void Forward::copy_for(WorkerState& state, const MediaPacket& packet, std::span<const std::uint32_t> routes,
                       OutgoingBatch& out) {
  constexpr std::size_t kAhead = 4;
  const StreamSlot& stream = state.memory.streams[packet.stream];
  std::array<rte_mbuf*, FanoutChunk::kRoutes> fresh;
  std::size_t left = routes.size();
  if (rte_pktmbuf_alloc_bulk(state.pool, fresh.data(), static_cast<unsigned>(left)) != 0)
    for (left = 0; left < routes.size() && (fresh[left] = rte_pktmbuf_alloc(state.pool)) != nullptr;) ++left;
  for (std::size_t i = 0; i < routes.size() && i < 2 * kAhead; ++i)
    prefetch_to_write(&state.memory.routes[routes[i]], 2);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (i + 2 * kAhead < routes.size()) prefetch_to_write(&state.memory.routes[routes[i + 2 * kAhead]], 2);
    if (i + kAhead < routes.size())
      prefetch_to_write(&state.endpoint(state.memory.routes[routes[i + kAhead]].endpoint.slot).packets_sent, 2);
    rte_mbuf* buffer = left == 0 ? nullptr : fresh[left - 1];
    state.counters().copies.add();
    if (const auto reason = make_copy<false>(state, packet, stream, routes[i], buffer, out))
      state.counters().drop(*reason);
    else
      --left;
  }
  if (left != 0) rte_pktmbuf_free_bulk(fresh.data(), static_cast<unsigned>(left));
}

// Goes on from the present position. False when `out` is full before the packet is done.
bool Forward::fan_out(WorkerState& state, MediaPacket& packet, OutgoingBatch& out) {
  const StreamSlot& stream = state.memory.streams[packet.stream];
  for (; source_ < stream.source_count; ++source_, chunk_ = kNoSlot) {
    const SourceSlot& source = state.memory.sources[stream.sources[source_]];
    if (source.stream != packet.stream) continue;
    if (chunk_ == kNoSlot) {
      chunk_ = source.first_chunk;
      entry_ = 0;
    }
    for (; chunk_ != kNoSlot; chunk_ = state.chunks[chunk_].next, entry_ = 0) {
      const FanoutChunk& chunk = state.chunks[chunk_];
      const auto room = static_cast<std::uint32_t>(kOutputs - out.count);
      const std::uint32_t end = std::min(chunk.count, entry_ + room);
      copy_for(state, packet, std::span(chunk.routes).subspan(entry_, end - entry_), out);
      entry_ = end;
      if (entry_ != chunk.count) return false;
    }
  }
  return true;
}

}  // namespace sluice::dataplane
