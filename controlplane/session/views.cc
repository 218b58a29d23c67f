#include "controlplane/session/views.h"

#include <algorithm>

#include "controlplane/session/webrtc_peer.h"
#include "crypto/srtp/packet_index.h"

namespace sluice::control {

EndpointState state_of(Context& context, const Endpoint& endpoint) {
  if (endpoint.removing || endpoint.session->removing) return EndpointState::kRemoving;
  if (endpoint.failed) return EndpointState::kFailed;
  // Packets since the idle watch last looked count as flowing now.
  const dataplane::EndpointSlot& slot = context.slot(endpoint);
  if (slot.last_received_tsc.read() != endpoint.seen_received_tsc ||
      slot.packets_sent.read() != endpoint.seen_sent)
    return EndpointState::kFlowing;
  const auto quiet_after = std::chrono::seconds(context.options.config.limits.stream_timeout_s);
  if (endpoint.ever_flowed && context.now() - endpoint.last_flow < quiet_after)
    return EndpointState::kFlowing;
  if (endpoint.connected) return EndpointState::kConnected;
  if (endpoint.webrtc && endpoint.webrtc->under_way()) return EndpointState::kConnecting;
  return EndpointState::kAllocated;
}

SessionView view_of(Context& context, const Session& session) {
  SessionView view;
  view.id = session.id;
  view.state = session.removing ? "removing" : "active";
  view.worker = session.worker;
  for (const Session::Block& block : session.blocks)
    if (block.endpoints != 0 &&
        std::find(view.workers.begin(), view.workers.end(), block.worker) == view.workers.end())
      view.workers.push_back(block.worker);
  view.created_at = session.created_at;
  view.endpoints = session.endpoints.size();
  view.routes = session.routes.size();
  view.idle_timeout_s = context.idle_timeout_s(session);
  view.lease_s = session.lease_s;
  if (session.lease_s != 0) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(session.lease_until - context.now());
    view.lease_left_s = static_cast<std::uint32_t>(std::max(left, std::chrono::seconds(0)).count());
  }
  return view;
}

EndpointView view_of(Context& context, const Endpoint& endpoint) {
  EndpointView view;
  view.session = endpoint.session->id;
  view.id = endpoint.id;
  view.kind = endpoint.kind;
  view.state = state_of(context, endpoint);
  view.reason = endpoint.reason;
  view.text = endpoint.text;
  view.port = context.port(endpoint).name;
  view.family = endpoint.family;
  view.local_address = endpoint.local.address.ip;
  view.local_rtp_port = endpoint.local.address.port;
  view.local_rtcp_port = endpoint.rtcp_port;
  view.rtcp_mux = endpoint.rtcp_mux;
  view.remote = endpoint.remote;
  view.latch = endpoint.latch;
  view.path_mtu = endpoint.path_mtu;
  view.worker = endpoint.worker;
  view.idle_timeout_s = context.idle_timeout_s(endpoint);
  view.profile = endpoint.profile;
  view.send_key = endpoint.send_key;
  view.receive_key = endpoint.receive_key;
  view.receive_mki = endpoint.receive_mki;
  view.send_mki = endpoint.send_mki;
  view.srtcp_index = static_cast<std::uint32_t>(context.slot(endpoint).rtcp_index.read());
  view.transport = endpoint.request.transport;
  view.setup = endpoint.setup;
  if (endpoint.webrtc) endpoint.webrtc->describe(view, context.now());
  const dataplane::EndpointSlot& slot = context.slot(endpoint);
  view.packets_received = slot.packets_received.read();
  view.bytes_received = slot.bytes_received.read();
  view.packets_sent = slot.packets_sent.read();
  view.bytes_sent = slot.bytes_sent.read();
  view.auth_failures = slot.auth_failures.read();
  return view;
}

RouteView view_of(Context& context, const Route& route) {
  RouteView view;
  view.session = route.session->id;
  view.id = route.request.id;
  view.from = route.from();
  view.to = route.to->id;
  view.worker = route.to->worker;
  view.ssrc = route.lease.ssrc;
  view.clock_rate = route.request.clock_rate;
  view.payload_types = route.request.payload_types;
  view.header_extensions = route.request.header_extensions;
  view.keyframe_on_switch = route.request.keyframe_on_switch;
  view.retransmit = route.retransmit;
  view.dscp = route.request.dscp;
  view.state = is_being_removed(route) ? "removing" : "active";
  const dataplane::RouteSlot& slot = context.slot(route);
  view.packets = slot.packets.read();
  const std::uint64_t next =
      std::min(view.packets != 0 ? slot.highest_index.read() + 1 : slot.next_index.read() + slot.reorder_room,
               crypto::kMaxPacketIndex);
  view.sequence = static_cast<std::uint16_t>(next);
  if (route.to->kind != dataplane::EndpointKind::kRtp)
    view.rollover_counter = crypto::roll_over_counter(next);
  view.bytes = slot.bytes.read();
  view.retransmitted = slot.retransmitted.read();
  view.switches = slot.switches.read();
  return view;
}

}  // namespace sluice::control
