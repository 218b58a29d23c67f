#include "dataplane/worker/commands.h"

#include <algorithm>
#include <cassert>

#include "crypto/srtp/packet_index.h"
#include "dataplane/stages/fanout.h"
#include "dataplane/stages/feedback.h"
#include "dataplane/stages/keyframes.h"
#include "dataplane/stages/latch.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/protect.h"
#include "dataplane/stages/streams.h"
#include "dataplane/stages/transmit.h"

namespace sluice::dataplane {
namespace {

// Most notes that a command sends: its acknowledgement and another one. A command is taken only when the ring
// has space for both, so acknowledgements are never lost.
constexpr std::size_t kNotesPerCommand = 2;

void unlink(std::uint32_t& head, std::uint32_t slot, auto next_of) {
  std::uint32_t* link = &head;
  while (*link != kNoSlot && *link != slot) link = &next_of(*link);
  if (*link == slot) *link = next_of(slot);
}

// The slot if it has this generation and state; otherwise counts a stale command and returns nullptr. It
// reads `installed` first, which only the worker writes: in a slot that is not installed, the control thread
// may be writing the other fields.
template <typename Slots>
auto* current(WorkerState& state, Slots& slots, SlotRef ref, bool installed) {
  auto* slot = ref.slot < slots.size() ? &slots[ref.slot] : nullptr;
  if (slot != nullptr && slot->installed == installed && slot->generation == ref.generation) return slot;
  state.counters().stale_commands.add();
  return static_cast<decltype(slot)>(nullptr);
}

void ack(WorkerState& state, NoteKind kind, SlotRef ref) {
  Note note;
  note.kind = kind;
  note.ref = ref;
  state.tell(note);
}

// ---- endpoints

// The UDP ports of the endpoint lead to `slot` from now on, or nowhere with kNoSlot. A shared port leads to
// no endpoint.
void take_local_ports(WorkerState& state, const EndpointSlot& endpoint, std::uint32_t slot) {
  if (endpoint.shared_port || endpoint.local_address == kNoOwnAddress) return;
  state.local_port(endpoint.local_address, endpoint.local.address.port).endpoint = slot;
  state.local_port(endpoint.local_address, endpoint.rtcp_port).endpoint = slot;
}

void install_endpoint(WorkerState& state, SlotRef ref) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, ref, false);
  if (endpoint == nullptr) return;
  endpoint->installed = true;
  endpoint->keys_ready = false;
  endpoint->can_seal = !endpoint->encrypted;
  endpoint->tag_length = 0;
  endpoint->has_names =
      (endpoint->mid_extension_id | endpoint->rid_extension_id | endpoint->repaired_rid_extension_id) != 0;
  endpoint->rtp_latched = endpoint->rtcp_latched = false;
  endpoint->rtp_learned = endpoint->rtcp_learned = false;
  endpoint->former = {};
  endpoint->strangers_until_tsc = 0;
  endpoint->transmit_index = state.port_index[endpoint->port_id & 0xff];
  endpoint->local_address = state.own_address_of(endpoint->port_id, endpoint->local.address.ip);
  aim(*endpoint, Component::kRtp, HeaderTemplate{endpoint->rtp});
  endpoint->nacks_paid_tsc = 0;
  endpoint->stream_count = 0;
  endpoint->first_stream = endpoint->first_source = endpoint->first_incoming_route = kNoSlot;
  take_local_ports(state, *endpoint, ref.slot);
}

void link_to_endpoint(WorkerState& state, EndpointSlot& endpoint, std::uint32_t slot) {
  RouteSlot& route = state.memory.routes[slot];
  route.previous_to_endpoint = kNoSlot;
  route.next_to_endpoint = endpoint.first_incoming_route;
  if (route.next_to_endpoint != kNoSlot)
    state.memory.routes[route.next_to_endpoint].previous_to_endpoint = slot;
  endpoint.first_incoming_route = slot;
}

void unlink_from_endpoint(WorkerState& state, const RouteSlot& route) {
  const std::uint32_t before = route.previous_to_endpoint;
  const std::uint32_t behind = route.next_to_endpoint;
  if (behind != kNoSlot) state.memory.routes[behind].previous_to_endpoint = before;
  if (before != kNoSlot)
    state.memory.routes[before].next_to_endpoint = behind;
  else
    state.endpoint(route.endpoint.slot).first_incoming_route = behind;
}

void uninstall_route(WorkerState& state, std::uint32_t slot) {
  RouteSlot& route = state.memory.routes[slot];
  if (route.source != kNoSlot) remove_from_fanout(state, state.memory.sources[route.source], slot);
  const SsrcKey key{route.endpoint.slot, route.ssrc};
  if (state.route_by_ssrc.find(key) == slot)
    state.route_by_ssrc.erase(key);  // another route may have replaced the entry
  unlink_from_endpoint(state, route);
  route.next_index.set(route.started ? route.highest_index.read() + 1 : route.first_index);
  route.installed = false;
}

void uninstall_source(WorkerState& state, std::uint32_t slot) {
  SourceSlot& source = state.memory.sources[slot];
  // The control thread removes the routes first. If one is left, it must not refer to a removed source.
  while (source.route_count != 0) {
    const std::uint32_t route = state.chunks[source.first_chunk].routes[0];
    remove_from_fanout(state, source, route);
    state.memory.routes[route].source = kNoSlot;
  }
  if (is_mirror(source)) {
    if (source.stream != kNoSlot) forget_mirror_stream(state, source.stream);
  } else {
    unbind_source(state, slot);
    unlink(state.endpoint(source.endpoint.slot).first_source, slot,
           [&](std::uint32_t i) -> std::uint32_t& { return state.memory.sources[i].next; });
  }
  source.installed = false;
}

void remove_endpoint(WorkerState& state, SlotRef ref) {
  if (EndpointSlot* endpoint = current(state, state.memory.endpoints, ref, true)) {
    while (endpoint->first_incoming_route != kNoSlot) uninstall_route(state, endpoint->first_incoming_route);
    while (endpoint->first_source != kNoSlot) uninstall_source(state, endpoint->first_source);
    seal_reports(state);  // a BYE that waits may need these keys
    while (endpoint->first_stream != kNoSlot) forget_stream(state, endpoint->first_stream);
    state.past_streams.forget_endpoint(ref.slot);
    take_local_ports(state, *endpoint, kNoSlot);
    endpoint->installed = false;
    endpoint->keys_ready = endpoint->can_seal = false;
    forget_flows(*endpoint);
  }
  ack(state, NoteKind::kEndpointRemoved, ref);
}

void set_remote(WorkerState& state, const Command& command) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true);
  if (endpoint == nullptr) return;
  redirect(state, command.ref.slot, command.component, command.remote);
}

void await_remote(WorkerState& state, const Command& command) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true);
  if (endpoint == nullptr) return;
  forget_flows(*endpoint);  // the latch looks at each packet now
  endpoint->awaited = command.tuple.remote;
  endpoint->latch = command.tuple.remote.port == 0 ? LatchPolicy::kFixed : LatchPolicy::kNominated;
}

// The endpoint may have latched to another address since the command was sent.
void set_next_hop(WorkerState& state, const Command& command) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true);
  if (endpoint == nullptr) return;
  const HeaderTemplate& present = command.component == Component::kRtcp ? endpoint->rtcp : endpoint->rtp;
  if (present.known() && template_remote(present) == template_remote(command.remote))
    aim(*endpoint, command.component, command.remote);
}

void set_max_frame(WorkerState& state, const Command& command) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true);
  if (endpoint == nullptr) return;
  const config::SocketAddress& path = command.tuple.remote;
  if (path.port != 0 && !(endpoint->rtp.known() && template_remote(endpoint->rtp) == path)) return;
  endpoint->max_frame = command.max_frame;
  forget_flows(*endpoint);  // a flow knows the longest packet
}

void exchange(crypto::SrtpKeys& ours, crypto::SrtpKeys& fresh) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(&ours);
  std::swap_ranges(bytes, bytes + sizeof ours, reinterpret_cast<std::uint8_t*>(&fresh));
}

// Streams belong to the receive key, or to plain RTP: their windows and roll-over counters end with it.
void end_streams_of_before(WorkerState& state, std::uint32_t slot, const EndpointTerms& terms) {
  const EndpointSlot& endpoint = state.endpoint(slot);
  const bool encrypted = terms.kind != EndpointKind::kRtp;
  if (!terms.new_receive && encrypted == endpoint.encrypted) return;
  while (endpoint.first_stream != kNoSlot) end_stream(state, endpoint.first_stream);
  if (terms.new_receive) state.past_streams.forget_endpoint(slot);
}

// A receiver begins with a roll-over counter of zero under a new key (RFC 3711 3.3.1). The sequence numbers
// go on.
void restart_rollover(WorkerState& state, const EndpointSlot& endpoint) {
  for (std::uint32_t at = endpoint.first_incoming_route; at != kNoSlot;
       at = state.memory.routes[at].next_to_endpoint)
    restart_rollover(state.memory.routes[at]);
}

// From now on the endpoint uses the keys in its slot, if they are ready.
void use_keys(EndpointSlot& endpoint, const EndpointKeys& keys, bool ready) {
  forget_flows(endpoint);
  endpoint.keys_ready = ready;
  endpoint.can_seal = ready || !endpoint.encrypted;
  endpoint.tag_length =
      ready && endpoint.encrypted
          ? static_cast<std::uint8_t>(crypto::profile_info(keys.send.profile).rtp_tag_length +
                                      keys.send.mki_length)
          : std::uint8_t{0};
}

void take_keys(WorkerState& state, std::uint32_t slot, const EndpointTerms& terms) {
  EndpointSlot& endpoint = state.endpoint(slot);
  EndpointKeys& keys = state.memory.keys[slot];
  if (terms.new_receive) exchange(keys.receive, terms.keys->receive);
  if (terms.new_send) exchange(keys.send, terms.keys->send);
  if (terms.send_restarts) restart_rollover(state, endpoint);
  use_keys(endpoint, keys, keys.receive.ready && keys.send.ready);
}

// What media has shown of the peer's RTCP ends with the port that it came to: signalling says where RTCP is
// on the other one.
void move_rtcp_port(WorkerState& state, std::uint32_t slot, const EndpointTerms& terms) {
  EndpointSlot& endpoint = state.endpoint(slot);
  take_local_ports(state, endpoint, kNoSlot);
  endpoint.rtcp_mux = terms.rtcp_mux;
  endpoint.rtcp_port = terms.rtcp_port;
  endpoint.rtcp_latched = endpoint.rtcp_learned = false;
  take_local_ports(state, endpoint, slot);
}

void update_endpoint(WorkerState& state, const Command& command) {
  Note rtp, rtcp;
  rtp.kind = rtcp.kind = NoteKind::kEndpointUpdated;
  rtp.ref = rtcp.ref = command.ref;
  rtcp.component = Component::kRtcp;
  if (EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true)) {
    const EndpointTerms& terms = command.terms;
    seal_reports(state);  // those that wait are meant for the former key and port
    end_streams_of_before(state, command.ref.slot, terms);
    if (endpoint->rtcp_port != terms.rtcp_port) move_rtcp_port(state, command.ref.slot, terms);
    const bool was_ready = endpoint->can_seal;
    endpoint->kind = terms.kind;
    endpoint->encrypted = terms.kind != EndpointKind::kRtp;
    take_keys(state, command.ref.slot, terms);
    take_signalled(state, *endpoint, terms);
    forget_flows(*endpoint);
    // Under another key there is another decoder, or one that has lost what was under way.
    if (endpoint->can_seal && (!was_ready || terms.new_send))
      endpoint_became_reachable(state, command.ref.slot);
    if (endpoint->rtp_learned) rtp.address = template_remote(endpoint->rtp);
    if (endpoint->rtcp_learned) rtcp.address = template_remote(endpoint->rtcp);
  }
  state.tell(rtp);
  state.tell(rtcp);
}

void bind_tuple(WorkerState& state, const Command& command, bool bind) {
  if (current(state, state.memory.endpoints, command.ref, true) == nullptr) return;
  if (bind) {
    if (!state.endpoint_by_tuple.insert(command.tuple, command.ref.slot))
      state.counters().stale_commands.add();
  } else if (state.endpoint_by_tuple.find(command.tuple) == command.ref.slot) {
    state.endpoint_by_tuple.erase(command.tuple);
  }
}

void keys_ready(WorkerState& state, SlotRef ref) {
  EndpointSlot* endpoint = current(state, state.memory.endpoints, ref, true);
  if (endpoint == nullptr) return;
  use_keys(*endpoint, state.memory.keys[ref.slot], true);
  endpoint_became_reachable(state, ref.slot);
}

void expect(WorkerState& state, const Command& command) {
  const EndpointSlot* endpoint = current(state, state.memory.endpoints, command.ref, true);
  if (endpoint == nullptr || !endpoint->encrypted || command.index > crypto::kMaxPacketIndex) return;
  expect_stream(state, {command.ref.slot, command.ssrc}, command.index);
}

// ---- sources and routes

void install_source(WorkerState& state, SlotRef ref) {
  SourceSlot* source = current(state, state.memory.sources, ref, false);
  if (source == nullptr) return;
  EndpointSlot* endpoint = nullptr;
  if (!is_mirror(*source)) {
    endpoint = current(state, state.memory.endpoints, source->endpoint, true);
    if (endpoint == nullptr) return;
  } else if (source->home_worker >= state.steering.workers() || source->home_worker == state.index) {
    return state.counters().stale_commands.add();
  }
  source->installed = true;
  source->stream = kNoSlot;
  source->first_chunk = source->report_chunk = kNoSlot;
  source->route_count = source->keep_count = source->keyframe_count = 0;
  source->keyframe_wanted = false;
  source->lent_to = 0;
  if (endpoint == nullptr) {
    source->stream = create_mirror_stream(state, ref.slot);
    return;
  }
  source->next = endpoint->first_source;
  endpoint->first_source = ref.slot;
  bind_source(state, ref.slot);
}

void remove_source(WorkerState& state, SlotRef ref) {
  if (current(state, state.memory.sources, ref, true) != nullptr) uninstall_source(state, ref.slot);
  ack(state, NoteKind::kSourceRemoved, ref);
}

void set_lending(WorkerState& state, const Command& command) {
  if (current(state, state.memory.sources, command.ref, true) == nullptr) return;
  if (command.worker >= state.steering.workers() || command.worker == state.index)
    return state.counters().stale_commands.add();
  if (command.kind == CommandKind::kLendSource)
    lend_source(state, command.ref.slot, command.worker, command.source);
  else
    unlend_source(state, command.ref.slot, command.worker);
}

void hang_on(WorkerState& state, std::uint32_t route_slot, std::uint32_t source_slot) {
  RouteSlot& route = state.memory.routes[route_slot];
  SourceSlot& source = state.memory.sources[source_slot];
  route.stream = kNoSlot;  // the next packet of any stream continues the numbers of the route
  if (!add_to_fanout(state, source, route_slot)) {
    route.source = kNoSlot;
    return;
  }
  route.source = source_slot;
  if (route.keyframe_on_switch) request_keyframe(state, source_slot);
}

void install_route(WorkerState& state, SlotRef ref) {
  RouteSlot* route = current(state, state.memory.routes, ref, false);
  if (route == nullptr) return;
  EndpointSlot* endpoint = current(state, state.memory.endpoints, route->endpoint, true);
  if (endpoint == nullptr) return;
  if (route->source >= state.memory.sources.size() || !state.memory.sources[route->source].installed)
    return state.counters().stale_commands.add();
  route->installed = true;
  route->started = false;
  route->fir_seen = false;
  // Browsers ask by NACK. Of others sluice knows it when they have asked once.
  route->keeps = route->retransmit && endpoint->kind == EndpointKind::kWebrtc;
  route->retransmit_credit = 0;
  route->retransmit_earned = 0;
  route->keyframe_asked_tsc = 0;
  route->losses_known = true;
  route->earlier_losses = 0;
  route->segment_from = 0;
  route->earlier_length = route->skipped = 0;
  route->base_index = route->first_index;
  route->highest_index.set(route->first_index);
  route->next_index.set(route->first_index);
  link_to_endpoint(state, *endpoint, ref.slot);
  [[maybe_unused]] const bool inserted =
      state.route_by_ssrc.insert({route->endpoint.slot, route->ssrc}, ref.slot);
  assert(inserted);  // the table holds as many routes as there are slots
  hang_on(state, ref.slot, route->source);
}

void remove_route(WorkerState& state, SlotRef ref) {
  if (current(state, state.memory.routes, ref, true) != nullptr) {
    say_bye(state, ref.slot);
    uninstall_route(state, ref.slot);
  }
  ack(state, NoteKind::kRouteRemoved, ref);
}

void switch_route(WorkerState& state, SlotRef ref, SlotRef to) {
  RouteSlot* route = current(state, state.memory.routes, ref, true);
  if (route == nullptr || current(state, state.memory.sources, to, true) == nullptr) return;
  if (route->source == to.slot) return;
  if (route->source != kNoSlot) remove_from_fanout(state, state.memory.sources[route->source], ref.slot);
  hang_on(state, ref.slot, to.slot);
}

void stream_idle(WorkerState& state, SlotRef ref) {
  if (ref.slot >= state.memory.streams.size() ||
      state.memory.streams[ref.slot].tenancy.load(std::memory_order_relaxed) != ref.generation ||
      (ref.generation & 1) == 0 || is_mirror(state.memory.streams[ref.slot]))
    return state.counters().stale_commands.add();
  retire_idle_stream(state, ref.slot);
}

void carry_out(WorkerState& state, const Command& command) {
  switch (command.kind) {
    case CommandKind::kInstallEndpoint:
      return install_endpoint(state, command.ref);
    case CommandKind::kRemoveEndpoint:
      return remove_endpoint(state, command.ref);
    case CommandKind::kSetRemote:
      return set_remote(state, command);
    case CommandKind::kAwaitRemote:
      return await_remote(state, command);
    case CommandKind::kSetNextHop:
      return set_next_hop(state, command);
    case CommandKind::kSetMaxFrame:
      return set_max_frame(state, command);
    case CommandKind::kUpdateEndpoint:
      return update_endpoint(state, command);
    case CommandKind::kBindTuple:
      return bind_tuple(state, command, true);
    case CommandKind::kUnbindTuple:
      return bind_tuple(state, command, false);
    case CommandKind::kKeysReady:
      return keys_ready(state, command.ref);
    case CommandKind::kExpectStream:
      return expect(state, command);
    case CommandKind::kInstallSource:
      return install_source(state, command.ref);
    case CommandKind::kRemoveSource:
      return remove_source(state, command.ref);
    case CommandKind::kLendSource:
    case CommandKind::kUnlendSource:
      return set_lending(state, command);
    case CommandKind::kInstallRoute:
      return install_route(state, command.ref);
    case CommandKind::kRemoveRoute:
      return remove_route(state, command.ref);
    case CommandKind::kSwitchRoute:
      return switch_route(state, command.ref, command.source);
    case CommandKind::kRequestKeyframe:
      if (current(state, state.memory.sources, command.ref, true) != nullptr)
        request_keyframe(state, command.ref.slot);
      return;
    case CommandKind::kStreamIdle:
      return stream_idle(state, command.ref);
    case CommandKind::kInject:
      return send_frame(state, command.mbuf, command.port_id);
    case CommandKind::kStop:
      state.stop_requested = true;
      return;
  }
}

}  // namespace

std::size_t run_commands(WorkerState& state, std::size_t budget) {
  if (state.memory.commands.empty()) return 0;  // nearly always; saves constructing a Command
  std::size_t done = 0;
  Command command;
  while (done < budget && !state.stop_requested && state.memory.notes.free_entries() >= kNotesPerCommand &&
         state.memory.commands.pop(command)) {
    carry_out(state, command);
    ++done;
  }
  if (done != 0) state.counters().commands.add(done);
  return done;
}

}  // namespace sluice::dataplane
