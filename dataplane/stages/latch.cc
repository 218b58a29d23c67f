#include "dataplane/stages/latch.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/stages/keyframes.h"

namespace sluice::dataplane {
namespace {

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

bool may_latch_once(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet) {
  if (endpoint.latch_deadline_tsc != 0 && state.now > endpoint.latch_deadline_tsc) return false;
  const auto source = config::IpAddress::from_bytes(source_address(packet));
  // RTP and RTCP of one peer come from one host. So the one that latches second must have the same address.
  const bool rtcp = packet.component == Component::kRtcp;
  const bool other_latched = rtcp ? endpoint.rtp_latched : endpoint.rtcp_latched;
  if (other_latched && template_remote(rtcp ? endpoint.rtp : endpoint.rtcp).ip != source) return false;
  return endpoint.latch_network.length == 0 || endpoint.latch_network.contains(source);
}

bool is_on_link(const PortInfo& port, const config::IpAddress& ip) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const config::IpPrefix& own) { return own.contains(ip); });
}

// The MAC to send to at first; the control thread, which hears of each new address, then sends the one that
// it has for the next hop. Behind a router the next hop is the same for all addresses of a family, so the
// present one stays. Else it is the MAC that the packet came from.
MacAddress first_next_hop(const WorkerState& state, const EndpointSlot& endpoint, const MediaPacket& packet,
                          const config::IpAddress& source) {
  const HeaderTemplate& present = packet.component == Component::kRtcp ? endpoint.rtcp : endpoint.rtp;
  const PortInfo& port = state.port(endpoint.port_id);
  if (present.known() && present.is_v6 == packet.is_v6 && !is_on_link(port, source) &&
      !is_on_link(port, template_remote(present).ip))
    return template_next_hop(present);
  MacAddress mac;
  std::copy_n(frame_of(packet) + 6, mac.size(), mac.begin());
  return mac;
}

void move_to_source(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  LinkEnd remote;
  remote.address.ip = config::IpAddress::from_bytes(source_address(packet));
  remote.address.port = source_port(packet);
  remote.mac = first_next_hop(state, endpoint, packet, remote.address.ip);
  LinkEnd local = endpoint.local;
  if (packet.component == Component::kRtcp) local.address.port = endpoint.rtcp_port;
  const bool was_known = endpoint.rtp.known();
  aim(endpoint, packet.component, make_header_template(local, remote, endpoint.vlan, endpoint.dscp));
  if (!was_known && endpoint.rtp.known()) endpoint_became_reachable(state, packet.endpoint);
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
  endpoint.remote_family = 0;
  if (!header.known()) return;
  endpoint.remote_family = header.is_v6 ? 6 : 4;
  std::copy_n(header.bytes.data() + header.l3_offset + (header.is_v6 ? 24 : 16), header.is_v6 ? 16 : 4,
              endpoint.remote.ip.begin());
  std::memcpy(&endpoint.remote.port, header.bytes.data() + header.l4_offset + 2, 2);
}

bool source_allowed_slowly(const WorkerState& state, const EndpointSlot& endpoint,
                           const MediaPacket& packet) {
  if (from_known_address(endpoint, packet)) return true;
  const bool latched = packet.component == Component::kRtcp ? endpoint.rtcp_latched : endpoint.rtp_latched;
  return endpoint.latch == LatchPolicy::kOnce && !latched && may_latch_once(state, endpoint, packet);
}

void latch_slowly(WorkerState& state, EndpointSlot& endpoint, const MediaPacket& packet) {
  switch (endpoint.latch) {
    case LatchPolicy::kFixed:
      return;
    case LatchPolicy::kOnce:
      // source_allowed() accepts an unknown address only while this component has not latched.
      (packet.component == Component::kRtcp ? endpoint.rtcp_latched : endpoint.rtp_latched) = true;
      if (!from_known_address(endpoint, packet)) move_to_source(state, endpoint, packet);
      return;
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
