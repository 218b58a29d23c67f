#include "dataplane/stages/classify.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "dataplane/base/prefetch.h"
#include "dataplane/stages/latch.h"
#include "dataplane/stages/received_checksums.h"

namespace sluice::dataplane {
namespace {

bool is_group_mac(const std::uint8_t* mac) {
  return (mac[0] & 1) != 0;
}

[[gnu::cold]] void push_punt(WorkerState& state, PuntClass punt_class, const Punt& entry) {
  if (!state.memory.punts.of(punt_class).push(entry)) {
    state.drop(entry.mbuf, DropReason::kPuntRingFull);
    return;
  }
  state.counters().punted.add();
  state.notified = true;
}

void punt_link(WorkerState& state, rte_mbuf* mbuf, PuntKind kind, PuntClass punt_class) {
  push_punt(state, punt_class, {.kind = kind, .port_id = mbuf->port, .endpoint = {}, .mbuf = mbuf});
}

// Whether the sender is one that the control thread has found good: the worker was told to send to it.
bool is_from_peer(const WorkerState& state, const Datagram& datagram) {
  if (datagram.endpoint == kNoSlot) return false;
  const EndpointSlot& endpoint = state.memory.endpoints[datagram.endpoint];
  // On a shared port only a bound 5-tuple leads to the endpoint.
  return endpoint.shared_port || from_rtp_remote(endpoint, datagram);
}

[[gnu::cold]] void punt_datagram(WorkerState& state, const Datagram& datagram, PuntKind kind) {
  Punt entry{.kind = kind, .port_id = datagram.mbuf->port, .endpoint = {}, .mbuf = datagram.mbuf};
  if (datagram.endpoint != kNoSlot)
    entry.endpoint = {datagram.endpoint, state.endpoint(datagram.endpoint).generation};
  if (is_from_peer(state, datagram)) return push_punt(state, PuntClass::kPeer, entry);
  auto& ring = state.memory.punts.strangers;
  if (ring.free_entries() < ring.capacity() / 2 &&
      !state.punt_shares.take(source_address(datagram), datagram.endpoint, state.now, state.tsc_hz))
    return state.drop(datagram.mbuf, DropReason::kPuntRingFull);
  push_punt(state, PuntClass::kStranger, entry);
}

bool is_neighbor_discovery(const Frame& frame, const std::uint8_t* bytes) {
  constexpr std::uint8_t kSolicitation = 135;  // RFC 4861 4.3
  constexpr std::uint8_t kAdvertisement = 136;
  return frame.l4_length != 0 &&
         (bytes[frame.l4_offset] == kSolicitation || bytes[frame.l4_offset] == kAdvertisement);
}

// The other worker that owns the UDP port; kNoWorker when there is none.
std::uint8_t other_owner(const WorkerState& state, const Datagram& datagram) {
  const std::uint8_t owner = state.steering.owner(datagram.local_address, datagram.local_port);
  return owner == state.index || owner >= state.steering.workers() ? Steering::kNoWorker : owner;
}

void hand_off(WorkerState& state, rte_mbuf* mbuf, std::uint8_t owner) {
  if (state.steering.ring(state.index, owner).push(mbuf))
    state.counters().handed_off.add();
  else
    state.drop(mbuf, DropReason::kHandoffRingFull);
}

[[gnu::noinline]] void hand_off_or_drop(WorkerState& state, const Datagram& datagram) {
  const std::uint8_t owner = other_owner(state, datagram);
  if (owner == Steering::kNoWorker) return state.drop(datagram.mbuf, DropReason::kNoEndpoint);
  hand_off(state, datagram.mbuf, owner);
}

std::span<const std::uint8_t> bytes_of(const rte_mbuf* mbuf) {
  return {rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
}

// ---- the first pass: reads the headers and finds the endpoint. It prefetches what the second pass reads.

// A packet of an unknown 5-tuple goes on too, since it may be STUN, which can bind the 5-tuple.
[[gnu::noinline]] bool find_by_tuple(WorkerState& state, Datagram& datagram) {
  const auto source = config::IpAddress::from_bytes(source_address(datagram));
  datagram.stream = kNoSlot;
  datagram.endpoint = state.endpoint_by_tuple.find(
      {{source, source_port(datagram)}, datagram.local_port, datagram.local_address});
  if (datagram.endpoint != kNoSlot) prefetch_to_write(&state.endpoint(datagram.endpoint));
  return true;
}

// For a datagram to one of our addresses. False when it is handed off or dropped already.
[[gnu::always_inline]] inline bool find_owner(WorkerState& state, Datagram& datagram) {
  if (datagram.local_port == state.shared_ice_port) return find_by_tuple(state, datagram);
  const LocalPort local = state.local_port(datagram.local_address, datagram.local_port);
  if (local.endpoint == kNoSlot) {
    hand_off_or_drop(state, datagram);
    return false;
  }
  datagram.endpoint = local.endpoint;
  datagram.stream = local.stream_guess;
  prefetch_to_write(&state.endpoint(local.endpoint));
  if (local.stream_guess != kNoSlot) prefetch_to_write(&state.memory.streams[local.stream_guess], 2);
  return true;
}

bool parse_ip(WorkerState& state, const OwnAddresses& own, const Frame& frame, Datagram& datagram) {
  rte_mbuf* mbuf = datagram.mbuf;
  const bool is_v6 = frame.ip_version == 6;
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint8_t* destination = bytes + frame.l3_offset + (is_v6 ? 24 : 16);
  datagram.local_address = own.find(is_v6, destination);
  const bool ours = datagram.local_address != kNoOwnAddress;
  if (ours && frame.ip_protocol == kIpProtoUdp) {
    datagram.data = bytes + frame.payload_offset;
    datagram.length = frame.payload_length;
    datagram.local_port = frame.destination_port;
    datagram.l3_offset = frame.l3_offset;
    datagram.l4_offset = frame.l4_offset;
    datagram.is_v6 = is_v6;
    return find_owner(state, datagram);
  }
  if (is_v6 && frame.ip_protocol == kIpProtoIcmpv6 && (ours || destination[0] == 0xff)) {
    punt_link(state, mbuf, PuntKind::kIcmpv6,
              is_neighbor_discovery(frame, bytes) ? PuntClass::kLink : PuntClass::kEcho);
  } else if (ours && !is_v6 && frame.ip_protocol == kIpProtoIcmp) {
    punt_link(state, mbuf, PuntKind::kIcmp, PuntClass::kEcho);
  } else {
    state.drop(mbuf, DropReason::kNotForUs);
  }
  return false;
}

// True for a datagram to one of our UDP ports. False when it is punted, handed off or dropped already.
[[gnu::noinline]] bool parse_any(WorkerState& state, const OwnAddresses& own, Datagram& datagram) {
  rte_mbuf* mbuf = datagram.mbuf;
  const auto end = [&](DropReason reason) {
    state.drop(mbuf, reason);
    return false;
  };
  if (mbuf->nb_segs != 1) return end(DropReason::kBadEthernet);
  const auto bytes = bytes_of(mbuf);
  Frame frame;
  if (const auto problem = parse_frame(bytes, frame, ip_checked(mbuf))) return end(*problem);
  if (frame.vlan != own.vlan) return end(DropReason::kBadEthernet);
  if (!own.is_mac(bytes.data()) && !is_group_mac(bytes.data())) return end(DropReason::kNotForUs);
  if (frame.ether_type == kEtherTypeArp) {
    punt_link(state, mbuf, PuntKind::kArp, PuntClass::kLink);
    return false;
  }
  if (frame.ip_version == 0) return end(DropReason::kNotForUs);
  return parse_ip(state, own, frame, datagram);
}

// The fast way for nearly every frame. False when parse_any() must decide; nothing is dropped then.
bool parse_common(const OwnAddresses& own, Datagram& datagram) {
  rte_mbuf* mbuf = datagram.mbuf;
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint32_t length = CommonFrame::payload_length({bytes, mbuf->data_len});
  if (length == CommonFrame::kNone || !ip_checked(mbuf) || mbuf->nb_segs != 1 || own.vlan != 0) return false;
  std::uint32_t destination;
  std::memcpy(&destination, bytes + CommonFrame::kL3Offset + 16, sizeof destination);
  if (destination != own.first_v4 || own.first_v4_number == kNoOwnAddress || !own.is_mac(bytes)) return false;
  datagram.data = bytes + CommonFrame::kPayloadOffset;
  datagram.length = static_cast<std::uint16_t>(length);
  datagram.local_port = load_be16(bytes + CommonFrame::kL4Offset + 2);
  datagram.l3_offset = CommonFrame::kL3Offset;
  datagram.l4_offset = CommonFrame::kL4Offset;
  datagram.local_address = own.first_v4_number;
  datagram.is_v6 = false;
  return true;
}

// ---- the second pass: tells the protocols apart

// Whether the guess of the stream, made from the UDP port alone, was right.
bool is_stream_of(const StreamSlot& stream, std::uint32_t endpoint, std::uint32_t ssrc) {
  return stream.ssrc.load(std::memory_order_relaxed) == ssrc &&
         stream.endpoint.load(std::memory_order_relaxed) == endpoint &&
         (stream.tenancy.load(std::memory_order_relaxed) & 1) != 0;
}

// Parses the RTP header and prefetches what unprotect will read. False when the header does not fit.
bool take_rtp(WorkerState& state, MediaPacket& packet) {
  if (!parse_rtp({packet.data, packet.length}, packet.rtp)) return false;
  if (packet.sender->encrypted) crypto::prefetch(state.memory.keys[packet.endpoint].receive);
  if (packet.stream == kNoSlot ||
      !is_stream_of(state.memory.streams[packet.stream], packet.endpoint, packet.rtp.ssrc)) {
    packet.stream = kNoSlot;
    state.stream_by_ssrc.prefetch({packet.endpoint, packet.rtp.ssrc});
  }
  return true;
}

void take_media(WorkerState& state, const Datagram& datagram, EndpointSlot& endpoint,
                ClassifiedBatch& batch) {
  const bool to_rtcp_port = !endpoint.rtcp_mux && datagram.local_port == endpoint.rtcp_port;
  // RFC 5761 4. Some peers send RTCP to the RTP port although that was not agreed.
  const bool looks_rtcp = datagram.length >= 2 && static_cast<std::uint8_t>(datagram.data[1] - 192) < 32;
  const bool rtcp = to_rtcp_port || looks_rtcp;
  MediaPacket& packet = rtcp ? batch.rtcp[batch.rtcp_count] : batch.rtp[batch.rtp_count];
  static_cast<Datagram&>(packet) = datagram;
  packet.sender = &endpoint;
  packet.component = to_rtcp_port ? Component::kRtcp : Component::kRtp;
  if (rtcp) {
    packet.stream = kNoSlot;
    ++batch.rtcp_count;
  } else if (take_rtp(state, packet)) {
    ++batch.rtp_count;
  } else {
    state.drop(datagram.mbuf, DropReason::kBadRtp);
  }
}

// Whether the datagram came to the address of the endpoint. False for a 5-tuple that still exists although
// its endpoint was removed.
bool is_addressed(const EndpointSlot& endpoint, const Datagram& datagram) {
  return endpoint.installed && endpoint.local_address == datagram.local_address;
}

bool udp_checksum_is_bad(const WorkerState& state, const rte_mbuf* mbuf) {
  if (udp_trusted(state, mbuf)) return false;
  Frame frame;
  const auto bytes = bytes_of(mbuf);
  return parse_frame(bytes, frame, true) || !udp_checksum_ok(bytes, frame);
}

// Punts or drops a datagram that is not media, by its first byte (RFC 7983).
[[gnu::noinline]] void take_other(WorkerState& state, const Datagram& datagram,
                                  const EndpointSlot* endpoint) {
  rte_mbuf* mbuf = datagram.mbuf;
  if (datagram.length == 0) return state.drop(mbuf, DropReason::kUnknownProtocol);
  const std::uint8_t first = datagram.data[0];
  const bool webrtc = endpoint == nullptr || endpoint->kind == EndpointKind::kWebrtc;
  if (first <= 3 && webrtc) return punt_datagram(state, datagram, PuntKind::kStun);
  if (endpoint == nullptr) return state.drop(mbuf, DropReason::kNoEndpoint);
  if (first >= 20 && first <= 63 && webrtc) return punt_datagram(state, datagram, PuntKind::kDtls);
  state.drop(mbuf, DropReason::kUnknownProtocol);
}

void classify_datagram(WorkerState& state, const Datagram& datagram, ClassifiedBatch& batch) {
  if (datagram.endpoint == kNoSlot) return take_other(state, datagram, nullptr);
  EndpointSlot& endpoint = state.endpoint(datagram.endpoint);
  if (!is_addressed(endpoint, datagram)) return state.drop(datagram.mbuf, DropReason::kNoEndpoint);
  if (datagram.length == 0 || static_cast<std::uint8_t>(datagram.data[0] - 128) >= 64)
    return take_other(state, datagram, &endpoint);
  // An SRTP tag covers more than the UDP checksum, so only plain media needs the check.
  if (!endpoint.encrypted && udp_checksum_is_bad(state, datagram.mbuf))
    return state.drop(datagram.mbuf, DropReason::kBadUdp);
  take_media(state, datagram, endpoint, batch);
}

}  // namespace

bool hand_off_at_once(WorkerState& state, rte_mbuf* mbuf) {
  const OwnAddresses& own = state.own_addresses[state.port_index[mbuf->port & 0xff]];
  Datagram datagram;
  datagram.mbuf = mbuf;
  if (!parse_common(own, datagram) || datagram.local_port == state.shared_ice_port) return false;
  const std::uint8_t owner = other_owner(state, datagram);
  if (owner == Steering::kNoWorker) return false;
  hand_off(state, mbuf, owner);
  return true;
}

void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch) {
  batch.rtp_count = batch.rtcp_count = 0;
  std::array<Datagram, kBatch> datagrams;
  std::size_t count = 0;
  for (rte_mbuf* packet : packets) {
    Datagram& datagram = datagrams[count];
    datagram.mbuf = packet;
    const OwnAddresses& own = state.own_addresses[state.port_index[packet->port & 0xff]];
    bool ours;
    if (parse_common(own, datagram)) [[likely]]
      ours = find_owner(state, datagram);
    else
      ours = parse_any(state, own, datagram);
    if (ours) ++count;
  }
  for (std::size_t i = 0; i < count; ++i) classify_datagram(state, datagrams[i], batch);
}

}  // namespace sluice::dataplane
