#include "dataplane/classify.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "dataplane/prefetch.h"

namespace sluice::dataplane {
namespace {

bool is_group_mac(const std::uint8_t* mac) {
  return (mac[0] & 1) != 0;
}

// One datagram between the two passes: where its layers lie, and whose it seems to be.
struct Arrival {
  rte_mbuf* mbuf;
  std::uint8_t* payload;
  std::uint32_t endpoint;  // slot; kNoSlot on the shared port from a sender that is not bound yet
  std::uint32_t stream;    // a guess
  std::uint16_t payload_length;
  std::uint16_t local_port;
  std::uint16_t l3_offset;
  std::uint16_t l4_offset;
  std::uint8_t local_index;  // of the destination address, among the port's
  bool is_v6;
};

void punt(WorkerState& state, rte_mbuf* mbuf, PuntKind kind, std::uint32_t endpoint) {
  Punt entry;
  entry.kind = kind;
  entry.port_id = mbuf->port;
  entry.mbuf = mbuf;
  if (endpoint != kNoSlot) entry.endpoint = {endpoint, state.endpoint(endpoint).generation};
  // Whoever floods us with STUN must not cut us off from our neighbours: a quarter of the ring is kept for
  // ARP and ND.
  const bool from_peer = kind == PuntKind::kStun || kind == PuntKind::kDtls;
  auto& ring = state.memory.punts;
  if ((from_peer && ring.room() <= ring.capacity() / 4) || !ring.push(entry)) {
    state.drop(mbuf, DropReason::kPuntRingFull);
    return;
  }
  state.counters().punted.add();
  state.notified = true;
}

void hand_off_or_drop(WorkerState& state, rte_mbuf* mbuf, std::uint16_t udp_port) {
  const std::uint8_t owner = state.steering.owner(udp_port);
  if (owner == Steering::kNobody || owner == state.index || owner >= state.steering.workers()) {
    state.drop(mbuf, DropReason::kNoEndpoint);
  } else if (state.steering.ring(state.index, owner).push(mbuf)) {
    state.counters().handed_off.add();
  } else {
    state.drop(mbuf, DropReason::kHandoffRingFull);
  }
}

bool port_checked(const rte_mbuf* mbuf, std::uint64_t mask, std::uint64_t good) {
  return (mbuf->ol_flags & mask) == good;
}

bool ip_checked(const rte_mbuf* mbuf) {
  return port_checked(mbuf, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD);
}

bool udp_checked(const rte_mbuf* mbuf) {
  return port_checked(mbuf, RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

std::span<const std::uint8_t> bytes_of(const rte_mbuf* mbuf) {
  return {rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
}

// ---- the first pass: headers, and whose it is. Fetches what the second will look at.

config::IpAddress source_of(const Arrival& arrival) {
  const std::uint8_t* ip = bytes_of(arrival.mbuf).data() + arrival.l3_offset;
  return arrival.is_v6 ? config::IpAddress::from_bytes({ip + 8, 16})
                       : config::IpAddress::from_bytes({ip + 12, 4});
}

// STUN may bind who is not known.
bool find_by_tuple(WorkerState& state, Arrival& arrival) {
  const std::uint16_t remote_port = load_be16(bytes_of(arrival.mbuf).data() + arrival.l4_offset);
  arrival.stream = kNoSlot;
  arrival.endpoint = state.endpoint_by_tuple.find({source_of(arrival), remote_port, arrival.local_port});
  if (arrival.endpoint != kNoSlot) prefetch_to_write(&state.endpoint(arrival.endpoint));
  return true;
}

// A datagram to one of our addresses. True when the second pass is to have it.
[[gnu::always_inline]] inline bool find_owner(WorkerState& state, Arrival& arrival) {
  if (arrival.local_port == state.shared_ice_port) return find_by_tuple(state, arrival);
  const LocalPort local = state.local_ports[arrival.local_port];
  if (local.endpoint == kNoSlot) {
    hand_off_or_drop(state, arrival.mbuf, arrival.local_port);
    return false;
  }
  arrival.endpoint = local.endpoint;
  arrival.stream = local.stream_guess;
  prefetch_to_write(&state.endpoint(local.endpoint));
  if (local.stream_guess != kNoSlot) prefetch_to_write(&state.memory.streams[local.stream_guess], 2);
  return true;
}

bool parse_ip(WorkerState& state, const OwnAddresses& own, const Frame& frame, Arrival& arrival) {
  rte_mbuf* mbuf = arrival.mbuf;
  const bool is_v6 = frame.ip_version == 6;
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint8_t* destination = bytes + frame.l3_offset + (is_v6 ? 24 : 16);
  arrival.local_index = own.find(is_v6, destination);
  const bool ours = arrival.local_index != OwnAddresses::kNone;
  if (ours && frame.ip_protocol == kIpProtoUdp) {
    arrival.payload = bytes + frame.payload_offset;
    arrival.payload_length = frame.payload_length;
    arrival.local_port = frame.destination_port;
    arrival.l3_offset = frame.l3_offset;
    arrival.l4_offset = frame.l4_offset;
    arrival.is_v6 = is_v6;
    return find_owner(state, arrival);
  }
  if (is_v6 && frame.ip_protocol == kIpProtoIcmpv6 && (ours || destination[0] == 0xff)) {
    punt(state, mbuf, PuntKind::kIcmpv6, kNoSlot);
  } else if (ours && !is_v6 && frame.ip_protocol == kIpProtoIcmp) {
    punt(state, mbuf, PuntKind::kIcmp, kNoSlot);
  } else {
    state.drop(mbuf, DropReason::kNotForUs);
  }
  return false;
}

// True when it is a datagram for one of our ports; else it is punted, handed off or dropped already.
bool parse_any(WorkerState& state, const OwnAddresses& own, Arrival& arrival) {
  rte_mbuf* mbuf = arrival.mbuf;
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
    punt(state, mbuf, PuntKind::kArp, kNoSlot);
    return false;
  }
  if (frame.ip_version == 0) return end(DropReason::kNotForUs);
  return parse_ip(state, own, frame, arrival);
}

// The same for what nearly every frame is; false leaves everything to parse_any.
bool parse_common(const OwnAddresses& own, Arrival& arrival) {
  rte_mbuf* mbuf = arrival.mbuf;
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint32_t length = CommonFrame::payload_length({bytes, mbuf->data_len});
  if (length == CommonFrame::kNone || !ip_checked(mbuf) || mbuf->nb_segs != 1 || own.vlan != 0) return false;
  std::uint32_t destination;
  std::memcpy(&destination, bytes + CommonFrame::kL3Offset + 16, sizeof destination);
  if (destination != own.first_v4 || own.first_v4_index == OwnAddresses::kNone || !own.is_mac(bytes))
    return false;
  arrival.payload = bytes + CommonFrame::kPayloadOffset;
  arrival.payload_length = static_cast<std::uint16_t>(length);
  arrival.local_port = load_be16(bytes + CommonFrame::kL4Offset + 2);
  arrival.l3_offset = CommonFrame::kL3Offset;
  arrival.l4_offset = CommonFrame::kL4Offset;
  arrival.local_index = own.first_v4_index;
  arrival.is_v6 = false;
  return true;
}

// ---- the second pass: what it is, and what its endpoint makes of it

// A guess from the port alone, now that the packet is known: true when it was right.
bool is_stream_of(const StreamSlot& stream, std::uint32_t endpoint, std::uint32_t ssrc) {
  return stream.ssrc.load(std::memory_order_relaxed) == ssrc &&
         stream.endpoint.load(std::memory_order_relaxed) == endpoint &&
         (stream.tenancy.load(std::memory_order_relaxed) & 1) != 0;
}

// Fetches what unprotect will need.
bool take_rtp(WorkerState& state, MediaPacket& packet, std::uint32_t guess) {
  if (!parse_rtp({packet.data, packet.length}, packet.rtp)) return false;
  if (packet.sender->encrypted) crypto::prefetch(state.memory.keys[packet.endpoint].receive);
  if (guess != kNoSlot && is_stream_of(state.memory.streams[guess], packet.endpoint, packet.rtp.ssrc)) {
    packet.stream = guess;
  } else {
    packet.stream = kNoSlot;
    state.stream_by_ssrc.prefetch({packet.endpoint, packet.rtp.ssrc});
  }
  return true;
}

void take_media(WorkerState& state, const Arrival& arrival, EndpointSlot& endpoint, ClassifiedBatch& batch) {
  const bool to_rtcp_port = !endpoint.rtcp_mux && arrival.local_port == endpoint.rtcp_port;
  const bool looks_rtcp =
      arrival.payload_length >= 2 && static_cast<std::uint8_t>(arrival.payload[1] - 192) < 32;
  const bool rtcp = to_rtcp_port || (endpoint.rtcp_mux && looks_rtcp);
  MediaPacket& packet = rtcp ? batch.rtcp[batch.rtcp_count] : batch.rtp[batch.rtp_count];
  packet.mbuf = arrival.mbuf;
  packet.data = arrival.payload;
  packet.sender = &endpoint;
  packet.endpoint = arrival.endpoint;
  packet.stream = kNoSlot;
  packet.length = arrival.payload_length;
  packet.l3_offset = arrival.l3_offset;
  packet.l4_offset = arrival.l4_offset;
  packet.local_port = arrival.local_port;
  packet.is_v6 = arrival.is_v6;
  packet.component = to_rtcp_port ? Component::kRtcp : Component::kRtp;
  if (rtcp) {
    ++batch.rtcp_count;
  } else if (take_rtp(state, packet, arrival.stream)) {
    ++batch.rtp_count;
  } else {
    state.drop(arrival.mbuf, DropReason::kBadRtp);
  }
}

// A local UDP port belongs to one endpoint, and the endpoint to one address of one port. A 5-tuple that
// outlived its endpoint leads nowhere.
bool is_addressed(const EndpointSlot& endpoint, const Arrival& arrival) {
  return endpoint.installed && endpoint.port_id == arrival.mbuf->port &&
         endpoint.local_index == arrival.local_index;
}

bool udp_checksum_is_bad(const WorkerState& state, const rte_mbuf* mbuf) {
  if (udp_checked(mbuf) || !state.port(mbuf->port).checks_udp_checksum) return false;
  Frame frame;
  const auto bytes = bytes_of(mbuf);
  return parse_frame(bytes, frame, true) || !udp_checksum_ok(bytes, frame);
}

// What is no media, by first byte (RFC 7983).
void take_other(WorkerState& state, const Arrival& arrival, const EndpointSlot* endpoint) {
  rte_mbuf* mbuf = arrival.mbuf;
  if (arrival.payload_length == 0) return state.drop(mbuf, DropReason::kUnknownProtocol);
  const std::uint8_t first = arrival.payload[0];
  const bool webrtc = endpoint == nullptr || endpoint->kind == EndpointKind::kWebrtc;
  if (first <= 3 && webrtc) return punt(state, mbuf, PuntKind::kStun, arrival.endpoint);
  if (endpoint == nullptr) return state.drop(mbuf, DropReason::kNoEndpoint);
  if (first >= 20 && first <= 63 && webrtc) return punt(state, mbuf, PuntKind::kDtls, arrival.endpoint);
  state.drop(mbuf, DropReason::kUnknownProtocol);
}

void classify_datagram(WorkerState& state, const Arrival& arrival, ClassifiedBatch& batch) {
  if (arrival.endpoint == kNoSlot) return take_other(state, arrival, nullptr);
  EndpointSlot& endpoint = state.endpoint(arrival.endpoint);
  if (!is_addressed(endpoint, arrival)) return state.drop(arrival.mbuf, DropReason::kNoEndpoint);
  if (arrival.payload_length == 0 || static_cast<std::uint8_t>(arrival.payload[0] - 128) >= 64)
    return take_other(state, arrival, &endpoint);
  // An SRTP tag covers more than the UDP checksum does; only plain media needs it checked.
  if (!endpoint.encrypted && udp_checksum_is_bad(state, arrival.mbuf))
    return state.drop(arrival.mbuf, DropReason::kBadUdp);
  take_media(state, arrival, endpoint, batch);
}

}  // namespace

void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch) {
  batch.rtp_count = batch.rtcp_count = 0;
  std::array<Arrival, kBatch> arrivals;
  std::size_t count = 0;
  for (rte_mbuf* packet : packets) {
    Arrival& arrival = arrivals[count];
    arrival.mbuf = packet;
    const OwnAddresses& own = state.own_addresses[state.port_index[packet->port & 0xff]];
    if (parse_common(own, arrival) ? find_owner(state, arrival) : parse_any(state, own, arrival)) ++count;
  }
  for (std::size_t i = 0; i < count; ++i) classify_datagram(state, arrivals[i], batch);
}

}  // namespace sluice::dataplane
