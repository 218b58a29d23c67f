#include "dataplane/classify.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <optional>

namespace sluice::dataplane {
namespace {

constexpr std::size_t kPrefetchAhead = 4;

bool is_group_mac(const std::uint8_t* mac) {
  return (mac[0] & 1) != 0;
}

bool is_own_address(const PortInfo& port, const config::IpAddress& address) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const config::IpPrefix& own) { return own.address == address; });
}

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

// A UDP datagram to one of our ports. `slot` is kNoSlot on the shared port from a sender that is not bound
// yet.
void classify_datagram(WorkerState& state, rte_mbuf* mbuf, std::span<const std::uint8_t> bytes,
                       const Frame& frame, std::uint32_t slot, ClassifiedBatch& batch) {
  if (frame.payload_length == 0) return state.drop(mbuf, DropReason::kUnknownProtocol);
  const std::uint8_t* payload = bytes.data() + frame.payload_offset;
  const std::uint8_t first = payload[0];
  const bool webrtc = slot == kNoSlot || state.endpoint(slot).kind == EndpointKind::kWebrtc;
  if (first <= 3) {
    return webrtc ? punt(state, mbuf, PuntKind::kStun, slot) : state.drop(mbuf, DropReason::kUnknownProtocol);
  }
  if (slot == kNoSlot) return state.drop(mbuf, DropReason::kNoEndpoint);
  if (first >= 20 && first <= 63) {
    return webrtc ? punt(state, mbuf, PuntKind::kDtls, slot) : state.drop(mbuf, DropReason::kUnknownProtocol);
  }
  if (first < 128 || first > 191) return state.drop(mbuf, DropReason::kUnknownProtocol);

  const EndpointSlot& endpoint = state.endpoint(slot);
  const PortInfo& port = state.port(mbuf->port);
  // An SRTP tag covers more than the UDP checksum does; only plain media needs it checked.
  if (!endpoint.encrypted && port.checks_udp_checksum && !udp_checksum_ok(bytes, frame))
    return state.drop(mbuf, DropReason::kBadUdp);
  const bool to_rtcp_port = !endpoint.rtcp_mux && frame.destination_port == endpoint.rtcp_port;
  const bool looks_rtcp = frame.payload_length >= 2 && payload[1] >= 192 && payload[1] <= 223;
  const bool rtcp = to_rtcp_port || (endpoint.rtcp_mux && looks_rtcp);
  MediaPacket& packet = rtcp ? batch.rtcp[batch.rtcp_count] : batch.rtp[batch.rtp_count];
  packet.mbuf = mbuf;
  packet.data = rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, frame.payload_offset);
  packet.endpoint = slot;
  packet.stream = kNoSlot;
  packet.length = frame.payload_length;
  packet.l3_offset = frame.l3_offset;
  packet.l4_offset = frame.l4_offset;
  packet.is_v6 = frame.ip_version == 6;
  packet.component = to_rtcp_port ? Component::kRtcp : Component::kRtp;
  if (rtcp) {
    ++batch.rtcp_count;
  } else if (!parse_rtp({packet.data, packet.length}, packet.rtp)) {
    state.drop(mbuf, DropReason::kBadRtp);
  } else {
    ++batch.rtp_count;
    __builtin_prefetch(&endpoint.rtp);
    state.stream_by_ssrc.prefetch({slot, packet.rtp.ssrc});
  }
}

std::uint32_t find_endpoint(const WorkerState& state, std::span<const std::uint8_t> bytes,
                            const Frame& frame) {
  if (frame.destination_port == state.shared_ice_port)
    return state.endpoint_by_tuple.find({source_ip(bytes, frame), frame.source_port, frame.destination_port});
  return state.endpoint_by_port[frame.destination_port];
}

// A local UDP port belongs to one endpoint, and the endpoint to one address of one port. A 5-tuple that
// outlived its endpoint leads nowhere.
bool is_addressed(const EndpointSlot& endpoint, std::uint16_t port_id, const config::IpAddress& destination) {
  return endpoint.installed && endpoint.port_id == port_id && endpoint.local.address.ip == destination;
}

void classify_ip(WorkerState& state, rte_mbuf* mbuf, const PortInfo& port,
                 std::span<const std::uint8_t> bytes, const Frame& frame, ClassifiedBatch& batch) {
  const config::IpAddress destination = destination_ip(bytes, frame);
  if (frame.ip_protocol == kIpProtoIcmpv6 && frame.ip_version == 6 &&
      (destination.is_multicast() || is_own_address(port, destination)))
    return punt(state, mbuf, PuntKind::kIcmpv6, kNoSlot);
  if (!is_own_address(port, destination)) return state.drop(mbuf, DropReason::kNotForUs);
  if (frame.ip_protocol == kIpProtoIcmp && frame.ip_version == 4)
    return punt(state, mbuf, PuntKind::kIcmp, kNoSlot);
  if (frame.ip_protocol != kIpProtoUdp) return state.drop(mbuf, DropReason::kNotForUs);

  const std::uint32_t slot = find_endpoint(state, bytes, frame);
  if (slot == kNoSlot && frame.destination_port != state.shared_ice_port)
    return hand_off_or_drop(state, mbuf, frame.destination_port);
  if (slot != kNoSlot && !is_addressed(state.endpoint(slot), mbuf->port, destination))
    return state.drop(mbuf, DropReason::kNoEndpoint);
  classify_datagram(state, mbuf, bytes, frame, slot, batch);
}

void classify_one(WorkerState& state, rte_mbuf* mbuf, ClassifiedBatch& batch) {
  const std::span<const std::uint8_t> bytes{rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
  Frame frame;
  if (mbuf->nb_segs != 1) return state.drop(mbuf, DropReason::kBadEthernet);
  if (const auto problem = parse_frame(bytes, frame)) return state.drop(mbuf, *problem);
  const PortInfo& port = state.port(mbuf->port);
  if (frame.vlan != port.vlan) return state.drop(mbuf, DropReason::kBadEthernet);
  const bool to_us = std::equal(port.mac.begin(), port.mac.end(), bytes.begin());
  if (!to_us && !is_group_mac(bytes.data())) return state.drop(mbuf, DropReason::kNotForUs);
  if (frame.ether_type == kEtherTypeArp) return punt(state, mbuf, PuntKind::kArp, kNoSlot);
  if (frame.ip_version == 0) return state.drop(mbuf, DropReason::kNotForUs);
  classify_ip(state, mbuf, port, bytes, frame, batch);
}

}  // namespace

void classify(WorkerState& state, std::span<rte_mbuf* const> packets, ClassifiedBatch& batch) {
  batch.rtp_count = batch.rtcp_count = 0;
  for (std::size_t i = 0; i < packets.size() && i < kPrefetchAhead; ++i)
    rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kPrefetchAhead < packets.size())
      rte_prefetch0(rte_pktmbuf_mtod(packets[i + kPrefetchAhead], void*));
    classify_one(state, packets[i], batch);
  }
}

}  // namespace sluice::dataplane
