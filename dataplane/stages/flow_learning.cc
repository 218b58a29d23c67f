// The part of flow_cache that makes flows.
#include <cstring>

#include "dataplane/stages/flow_cache.h"
#include "dataplane/stages/latch.h"

namespace sluice::dataplane {
namespace {

// Whether the sender's packets have the form that flows have, and move no address.
bool has_form(const WorkerState& state, const MediaPacket& packet) {
  const EndpointSlot& sender = *packet.sender;
  const OwnAddresses& own = state.own_addresses[state.port_index[packet.mbuf->port & 0xff]];
  if (sender.encrypted && state.memory.keys[packet.endpoint].receive.mki_length != 0) return false;
  if (packet.is_v6 || own.vlan != 0 || packet.local_address != own.first_v4_number || sender.shared_port)
    return false;
  if (packet.l3_offset != CommonFrame::kL3Offset ||
      packet.data != frame_of(packet) + CommonFrame::kPayloadOffset ||
      frame_of(packet)[CommonFrame::kL3Offset] != 0x45 || packet.data[0] != 0x80)
    return false;
  // With the marker it looks like RTCP (RFC 5761 4).
  if (packet.rtp.payload_type >= 64 && packet.rtp.payload_type < 96) return false;
  const bool stays = sender.latch == LatchPolicy::kFixed || sender.latch == LatchPolicy::kAuthenticated ||
                     (sender.latch == LatchPolicy::kOnce && sender.rtp_latched);
  return stays && packet.component == Component::kRtp && from_rtp_remote(sender, packet);
}

bool leads_on(const WorkerState& state, const EndpointSlot& receiver, std::uint32_t slot) {
  if (receiver.tag_length != 0 && state.memory.keys[slot].send.mki_length != 0) return false;
  return receiver.rtp.length == CommonFrame::kPayloadOffset && !receiver.rtp.is_v6 &&
         receiver.max_frame >= CachedFlow::kHeaders + receiver.tag_length &&
         state.transmit[receiver.transmit_index].checksums != TransmitChecksums::kSoftware;
}

}  // namespace

void learn_flow(WorkerState& state, const MediaPacket& packet) {
  EndpointSlot& sender = *packet.sender;
  const StreamSlot& stream = state.memory.streams[packet.stream];
  const RouteSlot& route = state.memory.routes[stream.direct_route];
  const EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  // All packets of the batch have been committed: a later one may have changed what this one found.
  const bool is_last = packet.index == stream.rtp_window.highest() && !stream.restart_suspected;
  // Before the clock rate or the transit time is known, the jitter is not what it will be.
  const bool counts = stream.jitter_clock_rate == 0 || stream.transit_known;
  if (!is_last || stream.kept || !counts || !has_form(state, packet) ||
      !leads_on(state, receiver, route.endpoint.slot))
    return;
  CachedFlow& flow = state.flows[packet.endpoint];
  std::memcpy(flow.expected.data(), frame_of(packet), CachedFlow::kHeaders);
  std::uint8_t* rtp = flow.expected.data() + CommonFrame::kPayloadOffset;
  rtp[1] = packet.rtp.payload_type;  // the header in the frame is the outgoing one by now
  store_be32(rtp + 8, packet.rtp.ssrc);
  std::memcpy(flow.image.data(), receiver.rtp.bytes.data(), CommonFrame::kPayloadOffset);
  if (route.has_dscp) set_dscp(receiver.rtp, flow.image.data(), route.dscp, false);
  flow.address_sum = receiver.rtp.address_sum;
  flow.payload_type = packet.data[1] & 0x7f;
  flow.ssrc = route.ssrc;
  const std::size_t tag =
      sender.encrypted
          ? crypto::profile_info(state.memory.keys[packet.endpoint].receive.profile).rtp_tag_length
          : 0;
  flow.longest =
      static_cast<std::uint16_t>(receiver.max_frame - CachedFlow::kHeaders - receiver.tag_length + tag);
  flow.stream = packet.stream;
  flow.route = stream.direct_route;
  flow.receiver = route.endpoint.slot;
  flow.version = receiver.send_version;
  flow.seals = receiver.tag_length != 0;
  flow.pending = 0;
  flow.was_refused = false;
  sender.has_cached_flow = true;
}

}  // namespace sluice::dataplane
