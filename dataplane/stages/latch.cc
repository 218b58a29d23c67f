#include "dataplane/stages/latch.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/stages/keyframes.h"

namespace sluice::dataplane {
namespace {

// Of an sdes endpoint: packets from unknown addresses whose tags were wrong. A peer that has moved is heard
// with its first packet unless strangers have used up the budget; then it takes part in what comes back.
constexpr std::uint64_t kStrangersPerSecond = 100;
constexpr std::uint64_t kStrangersAtOnce = 50;

/// Whether the packet comes from the IP address and UDP port that `header` leads to.
bool same_address(const HeaderTemplate& header, const MediaPacket& packet) {
  if (header.is_v6 != packet.is_v6) return false;
  const std::uint8_t* ours = header.bytes.data() + header.l3_offset + (header.is_v6 ? 24 : 16);
  const auto theirs = source_address(packet);
  return std::memcmp(ours, theirs.data(), theirs.size()) == 0 &&
         load_be16(header.bytes.data() + header.l4_offset + 2) == source_port(packet);
}

bool from_known_address(const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (packet.component == Component::kRtp) return from_rtp_remote(endpoint, packet);
  return endpoint.rtcp.known() && same_address(endpoint.rtcp, packet);
}

std::uint64_t last_rtp_tsc(const WorkerState& state, const EndpointSlot& endpoint) {
  std::uint64_t last = 0;
  for (std::uint32_t at = endpoint.first_stream; at != kNoSlot; at = state.memory.streams[at].next)
    last = std::max(last, state.memory.streams[at].last_packet_tsc.read());
  return last;
}

bool window_is_open(const WorkerState& state, const EndpointSlot& endpoint) {
  return endpoint.latch_deadline_tsc == 0 || state.now <= endpoint.latch_deadline_tsc;
}

config::SocketAddress source_of(const MediaPacket& packet) {
  return {config::IpAddress::from_bytes(source_address(packet)), source_port(packet)};
}

// Whether it comes from the signalled peer, to which we may not send yet: the next hop is being asked for.
bool from_signalled(const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (endpoint.signalled.port == 0) return false;
  const config::SocketAddress source = source_of(packet);
  if (packet.component == Component::kRtp) return source == endpoint.signalled;
  return !endpoint.rtcp.known() && source.ip == endpoint.signalled.ip;
}

// Rule 2: the peer's address of before, or the host of it for RTCP.
bool is_former(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (endpoint.former.port == 0 || !window_is_open(state, endpoint)) return false;
  const config::SocketAddress source = source_of(packet);
  return packet.component == Component::kRtcp ? source.ip == endpoint.former.ip : source == endpoint.former;
}

bool may_latch_once(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (!window_is_open(state, endpoint)) return false;
  const config::SocketAddress source = source_of(packet);
  const bool rtcp = packet.component == Component::kRtcp;
  const bool latched = rtcp ? endpoint.rtcp_latched : endpoint.rtp_latched;
  // Without a deadline the window ends with the latching.
  if (!rtcp && source == endpoint.signalled) return !latched || endpoint.latch_deadline_tsc != 0;
  if (latched) return false;
  if (is_former(state, endpoint, packet)) return true;
  // RTP and RTCP of one peer come from one host. So the one that latches second must have the same address.
  const bool other_latched = rtcp ? endpoint.rtp_latched : endpoint.rtcp_latched;
  if (other_latched && template_remote(rtcp ? endpoint.rtp : endpoint.rtcp).ip != source.ip) return false;
  if (endpoint.former.port != 0 && state.is_within(endpoint.former_heard_tsc, kFormerQuietMs)) return false;
  return endpoint.latch_network.length == 0 || endpoint.latch_network.contains(source.ip);
}

// REQUIRES: the packet may latch. The endpoint sends to its source already.
void latch_once(const WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  const bool rtcp = packet.component == Component::kRtcp;
  if (is_former(state, endpoint, packet)) {
    if (!rtcp) endpoint.former_heard_tsc = state.now;
    return;
  }
  (rtcp ? endpoint.rtcp_latched : endpoint.rtp_latched) = true;
  if (rtcp) return;
  endpoint.former = {};
  const bool elsewhere =
      endpoint.rtcp_latched && template_remote(endpoint.rtcp).ip != template_remote(endpoint.rtp).ip;
  if (elsewhere) endpoint.rtcp_latched = endpoint.rtcp_learned = false;
}

// On a shared port the pair has led to the endpoint (classify).
bool has_valid_pair(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (endpoint.shared_port) return true;
  const config::SocketAddress source = source_of(packet);
  return source == endpoint.awaited ||
         state.endpoint_by_tuple.find({source, packet.local_port, packet.local_address}) == packet.endpoint;
}

bool is_on_link(const PortInfo& port, const config::IpAddress& ip) {
  return (ip.is_v6() && ip.is_link_local()) ||
         std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const config::IpPrefix& own) { return own.contains(ip); });
}

bool leads_to_router(const PortInfo& port, const HeaderTemplate& header) {
  return header.known() && !is_on_link(port, template_remote(header).ip);
}

// The MAC to send to at first; the control thread, which hears of each new address, then sends the one that
// it has for the next hop. Behind a router the next hop is the same for all addresses of a family, so the one
// in use stays, be it that of the other component. Else it is the MAC that the packet came from, so that
// nothing is lost until the control thread has answered.
MacAddress first_next_hop(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet,
                          const config::IpAddress& source) {
  const bool rtcp = packet.component == Component::kRtcp;
  const HeaderTemplate& present = rtcp ? endpoint.rtcp : endpoint.rtp;
  const HeaderTemplate& other = rtcp ? endpoint.rtp : endpoint.rtcp;
  const PortInfo& port = state.port(endpoint.port_id);
  if (!is_on_link(port, source)) {
    if (leads_to_router(port, present)) return template_next_hop(present);
    if (leads_to_router(port, other)) return template_next_hop(other);
  }
  MacAddress mac;
  std::copy_n(frame_of(packet) + 6, mac.size(), mac.begin());
  return mac;
}

// aim(), and what waits for the endpoint's address goes on.
void aim_and_go_on(WorkerState& state, std::uint32_t slot, Component component,
                   const HeaderTemplate& header) {
  EndpointSlot& endpoint = state.endpoint(slot);
  const bool was_known = endpoint.rtp.known();
  aim(endpoint, component, header);
  if (!was_known && endpoint.rtp.known()) endpoint_became_reachable(state, slot);
}

void move_to_source(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  LinkEnd remote;
  remote.address.ip = config::IpAddress::from_bytes(source_address(packet));
  remote.address.port = source_port(packet);
  remote.mac = first_next_hop(state, endpoint, packet, remote.address.ip);
  LinkEnd local = endpoint.local;
  if (packet.component == Component::kRtcp) local.address.port = endpoint.rtcp_port;
  aim_and_go_on(state, packet.endpoint, packet.component,
                make_header_template(local, remote, endpoint.vlan, endpoint.dscp));
  if (endpoint.kind != EndpointKind::kWebrtc)  // ICE decides there
    (packet.component == Component::kRtcp ? endpoint.rtcp_learned : endpoint.rtp_learned) = true;
  Note note;
  note.kind = NoteKind::kLatched;
  note.component = packet.component;
  note.ref = {packet.endpoint, endpoint.generation};
  note.address = remote.address;
  state.tell(note);
}

}  // namespace

void aim(EndpointSlot& endpoint, Component component, const HeaderTemplate& header) {
  if (component == Component::kRtcp) {
    endpoint.rtcp = header;
    return;
  }
  endpoint.rtp = header;
  forget_flows(endpoint);
  endpoint.remote_family = 0;
  if (!header.known()) return;
  endpoint.remote_family = header.is_v6 ? 6 : 4;
  std::copy_n(header.bytes.data() + header.l3_offset + (header.is_v6 ? 24 : 16), header.is_v6 ? 16 : 4,
              endpoint.remote.ip.begin());
  std::memcpy(&endpoint.remote.port, header.bytes.data() + header.l4_offset + 2, 2);
}

void redirect(WorkerState& state, std::uint32_t slot, Component component, const HeaderTemplate& header) {
  const EndpointSlot& endpoint = state.endpoint(slot);
  const bool rtcp = component == Component::kRtcp;
  const HeaderTemplate& present = rtcp ? endpoint.rtcp : endpoint.rtp;
  const bool learned = rtcp ? endpoint.rtcp_learned : endpoint.rtp_learned;
  const bool both_known = present.known() && header.known();
  if (learned && both_known && template_remote(present) != template_remote(header)) return;
  aim_and_go_on(state, slot, component, header);
}

void take_signalled(const WorkerState& state, EndpointSlot& endpoint, const EndpointTerms& terms) {
  if (terms.kind == EndpointKind::kWebrtc) return;  // ICE decides there
  if (endpoint.latch != terms.latch) {
    endpoint.latch = terms.latch;
    endpoint.rtp_latched = endpoint.rtcp_latched = false;
  }
  const bool moves = terms.signalled.port != 0 && terms.signalled != endpoint.signalled;
  if (!moves) {
    if (!endpoint.rtp_latched) endpoint.latch_deadline_tsc = terms.latch_deadline_tsc;
    return;
  }
  const bool is_first = endpoint.signalled.port == 0;
  const bool is_here = endpoint.rtp.known() && (endpoint.rtp_latched || endpoint.rtp_learned);
  endpoint.signalled = terms.signalled;
  endpoint.latch_deadline_tsc = terms.latch_deadline_tsc;
  endpoint.former = {};
  if (endpoint.latch == LatchPolicy::kOnce && is_here) {
    endpoint.former = template_remote(endpoint.rtp);
    endpoint.former_heard_tsc = last_rtp_tsc(state, endpoint);
  }
  // With this policy, media that flows comes from where we send to.
  const bool still_sends = endpoint.latch == LatchPolicy::kAuthenticated &&
                           state.is_within(last_rtp_tsc(state, endpoint), kFlowingMs);
  // What is signalled for the first time describes the peer that has been heard already.
  const bool stays = !terms.new_receive && (still_sends || (is_first && endpoint.rtp_learned));
  endpoint.rtp_latched = endpoint.rtcp_latched = false;
  endpoint.rtp_learned = stays;
  endpoint.rtcp_learned = endpoint.rtcp_learned && stays;
}

bool source_allowed_slowly(const WorkerState& state, const EndpointSlot& endpoint,
                           const MediaPacket& packet) {
  if (from_known_address(endpoint, packet)) return true;
  if (endpoint.encrypted) {
    if (endpoint.kind == EndpointKind::kWebrtc) return has_valid_pair(state, endpoint, packet);
    return endpoint.strangers_until_tsc <= state.now;
  }
  if (endpoint.latch == LatchPolicy::kFixed) return from_signalled(endpoint, packet);
  return endpoint.latch == LatchPolicy::kOnce && may_latch_once(state, endpoint, packet);
}

void note_stranger(const WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  if (endpoint.kind != EndpointKind::kSdes || from_known_address(endpoint, packet)) return;
  const std::uint64_t each = state.tsc_hz / kStrangersPerSecond;
  const std::uint64_t earliest = state.now - std::min(state.now, each * kStrangersAtOnce);
  endpoint.strangers_until_tsc = std::max(endpoint.strangers_until_tsc, earliest) + each;
}

void latch_slowly(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  switch (endpoint.latch) {
    case LatchPolicy::kFixed:
      return;
    case LatchPolicy::kOnce:
      // source_allowed() accepts an unknown address only when it may latch.
      if (!from_known_address(endpoint, packet)) move_to_source(state, endpoint, packet);
      return latch_once(state, endpoint, packet);
    case LatchPolicy::kNominated:
      if (source_port(packet) != endpoint.awaited.port ||
          config::IpAddress::from_bytes(source_address(packet)) != endpoint.awaited.ip)
        return;
      endpoint.latch = LatchPolicy::kFixed;
      return move_to_source(state, endpoint, packet);
    case LatchPolicy::kAuthenticated:
      if (!from_known_address(endpoint, packet)) move_to_source(state, endpoint, packet);
      return;
  }
}

}  // namespace sluice::dataplane
