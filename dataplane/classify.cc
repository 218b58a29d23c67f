#include "dataplane/classify.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/prefetch.h"

namespace sluice::dataplane {
namespace {

bool is_group_mac(const std::uint8_t* mac) {
  return (mac[0] & 1) != 0;
}

// One packet between the two passes: where its layers lie, and whose it seems to be.
struct Arrival {
  rte_mbuf* mbuf;
  Frame frame;
  std::uint32_t endpoint;    // slot; kNoSlot on the shared port from a sender that is not bound yet
  std::uint32_t stream;      // a guess
  std::uint8_t local_index;  // of the destination address, among the port's
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

// A datagram to one of our addresses. True when the second pass is to have it.
bool find_owner(WorkerState& state, Arrival& arrival) {
  const Frame& frame = arrival.frame;
  arrival.stream = kNoSlot;
  if (frame.destination_port == state.shared_ice_port) {
    arrival.endpoint = state.endpoint_by_tuple.find(
        {source_ip(bytes_of(arrival.mbuf), frame), frame.source_port, frame.destination_port});
    if (arrival.endpoint == kNoSlot) return true;  // STUN may bind it
  } else {
    arrival.endpoint = state.endpoint_by_port[frame.destination_port];
    if (arrival.endpoint == kNoSlot) {
      hand_off_or_drop(state, arrival.mbuf, frame.destination_port);
      return false;
    }
    arrival.stream = state.stream_guess_by_port[frame.destination_port];
    if (arrival.stream != kNoSlot) prefetch_to_write(&state.memory.streams[arrival.stream], 2);
  }
  prefetch_to_write(&state.endpoint(arrival.endpoint));
  return true;
}

bool parse_ip(WorkerState& state, const OwnAddresses& own, Arrival& arrival) {
  rte_mbuf* mbuf = arrival.mbuf;
  const Frame& frame = arrival.frame;
  const bool is_v6 = frame.ip_version == 6;
  const std::uint8_t* destination = bytes_of(mbuf).data() + frame.l3_offset + (is_v6 ? 24 : 16);
  arrival.local_index = own.find(is_v6, destination);
  const bool ours = arrival.local_index != OwnAddresses::kNone;
  if (ours && frame.ip_protocol == kIpProtoUdp) return find_owner(state, arrival);
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
bool parse(WorkerState& state, rte_mbuf* mbuf, Arrival& arrival) {
  const auto end = [&](DropReason reason) {
    state.drop(mbuf, reason);
    return false;
  };
  arrival.mbuf = mbuf;
  Frame& frame = arrival.frame;
  const auto bytes = bytes_of(mbuf);
  if (mbuf->nb_segs != 1) return end(DropReason::kBadEthernet);
  const bool checked = ip_checked(mbuf);
  if (!checked || !parse_common_frame(bytes, frame)) {
    if (const auto problem = parse_frame(bytes, frame, checked)) return end(*problem);
  }
  const OwnAddresses& own = state.own_addresses[state.port_index[mbuf->port & 0xff]];
  if (frame.vlan != own.vlan) return end(DropReason::kBadEthernet);
  if (!own.is_mac(bytes.data()) && !is_group_mac(bytes.data())) return end(DropReason::kNotForUs);
  if (frame.ether_type == kEtherTypeArp) {
    punt(state, mbuf, PuntKind::kArp, kNoSlot);
    return false;
  }
  if (frame.ip_version == 0) return end(DropReason::kNotForUs);
  return parse_ip(state, own, arrival);
}

// ---- the second pass: what it is, and what its endpoint makes of it

// A guess from the port alone, now that the packet is known: true when it was right.
bool is_stream_of(const StreamSlot& stream, std::uint32_t endpoint, std::uint32_t ssrc) {
  return stream.ssrc.load(std::memory_order_relaxed) == ssrc &&
         stream.endpoint.load(std::memory_order_relaxed) == endpoint &&
         (stream.tenancy.load(std::memory_order_relaxed) & 1) != 0;
}

// Fetches what unprotect and forward will need.
void take_rtp(WorkerState& state, MediaPacket& packet, const EndpointSlot& endpoint, std::uint32_t guess,
              ClassifiedBatch& batch) {
  if (!parse_rtp({packet.data, packet.length}, packet.rtp))
    return state.drop(packet.mbuf, DropReason::kBadRtp);
  ++batch.rtp_count;
  if (endpoint.encrypted) crypto::prefetch(state.memory.keys[packet.endpoint].receive);
  if (guess != kNoSlot && is_stream_of(state.memory.streams[guess], packet.endpoint, packet.rtp.ssrc)) {
    packet.stream = guess;
  } else {
    packet.stream = kNoSlot;
    state.stream_by_ssrc.prefetch({packet.endpoint, packet.rtp.ssrc});
  }
}

void take_media(WorkerState& state, const Arrival& arrival, const EndpointSlot& endpoint,
                ClassifiedBatch& batch) {
  const Frame& frame = arrival.frame;
  auto* payload = rte_pktmbuf_mtod_offset(arrival.mbuf, std::uint8_t*, frame.payload_offset);
  const bool to_rtcp_port = !endpoint.rtcp_mux && frame.destination_port == endpoint.rtcp_port;
  const bool looks_rtcp = frame.payload_length >= 2 && payload[1] >= 192 && payload[1] <= 223;
  const bool rtcp = to_rtcp_port || (endpoint.rtcp_mux && looks_rtcp);
  MediaPacket& packet = rtcp ? batch.rtcp[batch.rtcp_count] : batch.rtp[batch.rtp_count];
  packet.mbuf = arrival.mbuf;
  packet.data = payload;
  packet.endpoint = arrival.endpoint;
  packet.stream = kNoSlot;
  packet.length = frame.payload_length;
  packet.l3_offset = frame.l3_offset;
  packet.l4_offset = frame.l4_offset;
  packet.local_port = frame.destination_port;
  packet.is_v6 = frame.ip_version == 6;
  packet.component = to_rtcp_port ? Component::kRtcp : Component::kRtp;
  if (rtcp) {
    ++batch.rtcp_count;
  } else {
    take_rtp(state, packet, endpoint, arrival.stream, batch);
  }
}

// A local UDP port belongs to one endpoint, and the endpoint to one address of one port. A 5-tuple that
// outlived its endpoint leads nowhere.
bool is_addressed(const EndpointSlot& endpoint, const Arrival& arrival) {
  return endpoint.installed && endpoint.port_id == arrival.mbuf->port &&
         endpoint.local_index == arrival.local_index;
}

// Demultiplexes by first byte (RFC 7983).
void classify_datagram(WorkerState& state, const Arrival& arrival, ClassifiedBatch& batch) {
  rte_mbuf* mbuf = arrival.mbuf;
  const Frame& frame = arrival.frame;
  const EndpointSlot* endpoint = arrival.endpoint == kNoSlot ? nullptr : &state.endpoint(arrival.endpoint);
  if (endpoint != nullptr && !is_addressed(*endpoint, arrival))
    return state.drop(mbuf, DropReason::kNoEndpoint);
  if (frame.payload_length == 0) return state.drop(mbuf, DropReason::kUnknownProtocol);
  const auto bytes = bytes_of(mbuf);
  const std::uint8_t first = bytes[frame.payload_offset];
  const bool webrtc = endpoint == nullptr || endpoint->kind == EndpointKind::kWebrtc;
  if (first <= 3) {
    return webrtc ? punt(state, mbuf, PuntKind::kStun, arrival.endpoint)
                  : state.drop(mbuf, DropReason::kUnknownProtocol);
  }
  if (endpoint == nullptr) return state.drop(mbuf, DropReason::kNoEndpoint);
  if (first >= 20 && first <= 63) {
    return webrtc ? punt(state, mbuf, PuntKind::kDtls, arrival.endpoint)
                  : state.drop(mbuf, DropReason::kUnknownProtocol);
  }
  if (first < 128 || first > 191) return state.drop(mbuf, DropReason::kUnknownProtocol);
  // An SRTP tag covers more than the UDP checksum does; only plain media needs it checked.
  if (!endpoint->encrypted && !udp_checked(mbuf) && state.port(mbuf->port).checks_udp_checksum &&
      !udp_checksum_ok(bytes, frame))
    return state.drop(mbuf, DropReason::kBadUdp);
  take_media(state, arrival, *endpoint, batch);
}

}  // namespace

void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch) {
  batch.rtp_count = batch.rtcp_count = 0;
  std::array<Arrival, kBatch> arrivals;
  std::size_t count = 0;
  for (rte_mbuf* packet : packets)
    if (parse(state, packet, arrivals[count])) ++count;
  for (std::size_t i = 0; i < count; ++i) classify_datagram(state, arrivals[i], batch);
}

}  // namespace sluice::dataplane
