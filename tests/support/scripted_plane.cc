#include "tests/support/scripted_plane.h"

#include <algorithm>
#include <numeric>

namespace sluice::control::test {

using dataplane::Command;
using dataplane::CommandKind;
using dataplane::Note;
using dataplane::NoteKind;
using dataplane::SlotRef;

namespace {

TestFrame* frame_of(rte_mbuf* mbuf) {
  return reinterpret_cast<TestFrame*>(mbuf);
}

// Reads all bytes, as a real worker would, so that ThreadSanitizer sees the accesses.
std::uint32_t read_all(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  return std::accumulate(bytes, bytes + size, 0u);
}

bool holds(const std::map<std::uint32_t, std::uint32_t>& table, SlotRef ref) {
  const auto found = table.find(ref.slot);
  return found != table.end() && found->second == ref.generation;
}

}  // namespace

ScriptedWorker::~ScriptedWorker() {
  Command command;
  while (memory_.commands.pop(command)) {
    if (command.mbuf == nullptr) continue;
    delete frame_of(command.mbuf);
    --frames_;
  }
}

std::size_t ScriptedWorker::turn(std::size_t commands) {
  std::size_t count = 0;
  Command command;
  for (; count < commands && memory_.commands.pop(command); ++count) carry_out(command);
  taken += count;
  while (!holding_ && !answers_.empty() && memory_.notes.push(answers_.front())) answers_.pop_front();
  return count;
}

void ScriptedWorker::answer(NoteKind kind, SlotRef ref) {
  Note note;
  note.kind = kind;
  note.ref = ref;
  answers_.push_back(note);
}

void ScriptedWorker::carry_out(const Command& command) {
  order.push_back(command.kind);
  switch (command.kind) {
    case CommandKind::kInstallEndpoint:
      return install_endpoint(command.ref);
    case CommandKind::kRemoveEndpoint:
      return remove_endpoint(command.ref);
    case CommandKind::kSetRemote:
      if (!holds(endpoints, command.ref)) return breach("remote of an endpoint that is not installed");
      if (!command.remote.known()) return stopped.push_back(command.ref);
      remotes.push_back({command.ref, command.component, dataplane::template_remote(command.remote),
                         dataplane::template_next_hop(command.remote)});
      return;
    case CommandKind::kAwaitRemote:
      if (!holds(endpoints, command.ref)) return breach("awaits the remote of an endpoint that is not there");
      awaited = command.tuple.remote;
      return;
    case CommandKind::kExpectStream:
      if (!holds(endpoints, command.ref)) return breach("expects a stream of an endpoint that is not there");
      expected.push_back({command.ref.slot, command.ssrc, command.index});
      return;
    case CommandKind::kSetNextHop:
      if (!holds(endpoints, command.ref)) return breach("next hop of an endpoint that is not installed");
      next_hops.push_back({command.ref, command.component, dataplane::template_remote(command.remote),
                           dataplane::template_next_hop(command.remote)});
      return;
    case CommandKind::kSetMaxFrame:
      if (!holds(endpoints, command.ref)) return breach("path MTU of an endpoint that is not installed");
      max_frames.push_back({command.ref, command.tuple.remote, command.max_frame});
      return;
    case CommandKind::kUpdateEndpoint:
      return update_endpoint(command);
    case CommandKind::kBindTuple:
      return bind_tuple(command);
    case CommandKind::kUnbindTuple:
      if (std::erase(bound, Bound{command.ref, command.tuple}) != 1)
        breach("unbinds a tuple that is not bound to that endpoint");
      return;
    case CommandKind::kKeysReady:
      return take_keys(command.ref);
    case CommandKind::kInstallSource:
      return install_source(command);
    case CommandKind::kRemoveSource:
      return remove_source(command);
    case CommandKind::kLendSource:
      if (!holds(sources, command.ref)) return breach("lends a source that is not installed");
      if (!lent.emplace(std::pair{command.ref.slot, command.worker}, command.source).second)
        breach("lends a source twice to one worker");
      return;
    case CommandKind::kUnlendSource:
      if (!holds(sources, command.ref)) return breach("takes back a source that is not installed");
      if (lent.erase({command.ref.slot, command.worker}) == 0) breach("takes back what is not lent");
      return;
    case CommandKind::kInstallRoute:
      return install_route(command);
    case CommandKind::kRemoveRoute:
      return remove_route(command.ref);
    case CommandKind::kSwitchRoute:
      return switch_route(command);
    case CommandKind::kRequestKeyframe:
      return;
    case CommandKind::kStreamIdle:
      return forget_stream(command);
    case CommandKind::kInject:
      return inject(command);
    case CommandKind::kStop:
      return answer(NoteKind::kStopped, {});
  }
}

void ScriptedWorker::take_keys(SlotRef ref) {
  if (!holds(endpoints, ref)) return breach("keys of an endpoint that is not installed");
  if (!memory_.keys[ref.slot].send.ready || !memory_.keys[ref.slot].receive.ready)
    return breach("keys announced that are not expanded");
  read_all(&memory_.keys[ref.slot].send.rtp, sizeof(crypto::SrtpKeys::Block));
  memory_.endpoints[ref.slot].keys_ready = true;
  keyed.push_back(ref);
}

void ScriptedWorker::update_endpoint(const Command& command) {
  const dataplane::EndpointTerms& with = command.terms;
  if (!holds(endpoints, command.ref)) breach("update of an endpoint that is not installed");
  dataplane::EndpointKeys& keys = memory_.keys[command.ref.slot];
  if (with.new_receive && !with.keys->receive.ready) breach("a new receive key that is not expanded");
  if (with.new_send && !with.keys->send.ready) breach("a new send key that is not expanded");
  if (with.send_restarts && !with.new_send) breach("numbers restart under a key that is not new");
  if (with.new_receive) std::swap(keys.receive, with.keys->receive);
  if (with.new_send) std::swap(keys.send, with.keys->send);
  const bool encrypted = with.kind != dataplane::EndpointKind::kRtp;
  if (encrypted && keys.receive.ready != keys.send.ready) breach("one key without the other");
  terms.push_back(with);
  terms.back().keys = nullptr;
  for (const auto component : {dataplane::Component::kRtp, dataplane::Component::kRtcp}) {
    Note note;
    note.kind = NoteKind::kEndpointUpdated;
    note.component = component;
    note.ref = command.ref;
    if (component == dataplane::Component::kRtp) note.address = learned;
    answers_.push_back(note);
  }
}

void ScriptedWorker::bind_tuple(const Command& command) {
  if (!holds(endpoints, command.ref)) return breach("tuple of an endpoint that is not installed");
  std::erase_if(bound, [&](const Bound& other) { return other.tuple == command.tuple; });
  bound.push_back({command.ref, command.tuple});
}

void ScriptedWorker::install_source(const Command& command) {
  dataplane::SourceSlot& slot = memory_.sources[command.ref.slot];
  if (slot.generation != command.ref.generation || slot.installed) breach("source slot not prepared");
  if (slot.endpoint.valid() && !holds(endpoints, slot.endpoint))
    breach("source of an endpoint that is not installed");
  if (!slot.endpoint.valid()) mirrors[command.ref.slot] = slot.home;
  feeds_of_.emplace(slot.endpoint.slot, command.ref.slot);
  slot.installed = true;
  sources[command.ref.slot] = command.ref.generation;
}

void ScriptedWorker::remove_source(const Command& command) {
  if (!holds(sources, command.ref)) return breach("removes a source that is not installed");
  if (fed_from_.contains(command.ref.slot)) breach("removes a source that routes hang on");
  memory_.sources[command.ref.slot].installed = false;
  feeds_of_.erase({memory_.sources[command.ref.slot].endpoint.slot, command.ref.slot});
  sources.erase(command.ref.slot);
  mirrors.erase(command.ref.slot);
  const auto loan = lent.lower_bound({command.ref.slot, 0});
  if (loan != lent.end() && loan->first.first == command.ref.slot) breach("removes a source that is lent");
  return answer(NoteKind::kSourceRemoved, command.ref);
}

void ScriptedWorker::forget_stream(const Command& command) {
  dataplane::StreamSlot& stream = memory_.streams[command.ref.slot];
  if (stream.tenancy.load() == command.ref.generation) stream.tenancy.store(command.ref.generation + 1);
  forgotten.push_back(command.ref);
}

void ScriptedWorker::inject(const Command& command) {
  TestFrame* frame = frame_of(command.mbuf);
  frame->port_id = command.port_id;
  injected.push_back(*frame);
  delete frame;
  --frames_;
}

void ScriptedWorker::install_endpoint(SlotRef ref) {
  dataplane::EndpointSlot& slot = memory_.endpoints[ref.slot];
  if (slot.generation != ref.generation || slot.installed) breach("endpoint slot not prepared");
  if (endpoints.contains(ref.slot)) breach("endpoint slot is taken");
  slot.installed = true;
  endpoints[ref.slot] = ref.generation;
}

void ScriptedWorker::remove_endpoint(SlotRef ref) {
  // A stale removal is answered too, so that no caller waits for ever.
  if (!holds(endpoints, ref)) {
    breach("removes an endpoint that is not installed");
    return answer(NoteKind::kEndpointRemoved, ref);
  }
  const auto route = outgoing_.lower_bound({ref.slot, ref.generation, 0});
  if (route != outgoing_.end() && route->slot == ref.slot && route->generation == ref.generation)
    breach("removes an endpoint that routes lead to");
  const auto source = feeds_of_.lower_bound({ref.slot, 0});
  if (source != feeds_of_.end() && source->first == ref.slot) breach("removes an endpoint that has sources");
  for (const Bound& tuple : bound)
    if (tuple.ref == ref) breach("removes an endpoint that has tuples");
  memory_.endpoints[ref.slot].installed = false;
  endpoints.erase(ref.slot);
  answer(NoteKind::kEndpointRemoved, ref);
}

void ScriptedWorker::install_route(const Command& command) {
  dataplane::RouteSlot& slot = memory_.routes[command.ref.slot];
  if (slot.generation != command.ref.generation || slot.installed) breach("route slot not prepared");
  if (!holds(endpoints, slot.endpoint)) breach("route to an endpoint that is not installed");
  if (!sources.contains(slot.source)) breach("route from a source that is not installed");
  if (!outgoing_.insert(outgoing_of(slot)).second) breach("two live routes to one endpoint with one SSRC");
  if (memory_.endpoints[slot.endpoint.slot].local_ssrc == slot.ssrc)
    breach("route with the endpoint's own SSRC");
  slot.installed = true;
  routes[command.ref.slot] = command.ref.generation;
  route_source[command.ref.slot] = slot.source;
  fed_from_.insert(slot.source);
  first_indices.push_back(slot.first_index);
}

void ScriptedWorker::switch_route(const Command& command) {
  if (!holds(routes, command.ref)) return breach("switches a route that is not installed");
  if (!holds(sources, command.source)) return breach("switches to a source that is not installed");
  memory_.routes[command.ref.slot].source = command.source.slot;
  fed_from_.erase(fed_from_.find(route_source[command.ref.slot]));
  fed_from_.insert(command.source.slot);
  route_source[command.ref.slot] = command.source.slot;
  answer(NoteKind::kRouteSwitched, command.ref);
}

void ScriptedWorker::remove_route(SlotRef ref) {
  if (!holds(routes, ref)) {
    breach("removes a route that is not installed");
    return answer(NoteKind::kRouteRemoved, ref);
  }
  dataplane::RouteSlot& slot = memory_.routes[ref.slot];
  if (const auto sent = sent_.find(slot.ssrc); sent != sent_.end()) {
    slot.next_index.set(slot.first_index + sent->second);
    sent_.erase(sent);
  }
  slot.installed = false;
  outgoing_.erase(outgoing_of(slot));
  fed_from_.erase(fed_from_.find(route_source[ref.slot]));
  routes.erase(ref.slot);
  route_source.erase(ref.slot);
  answer(NoteKind::kRouteRemoved, ref);
}

ScriptedPlane::ScriptedPlane(const config::Limits& limits, std::size_t workers, bool with_v6) {
  dataplane::PortInfo info;
  info.id = 3;  // not its index
  info.name = "lan";
  info.mac = {0x02, 0, 0, 0, 0, 1};
  info.addresses.push_back(*config::IpPrefix::parse("198.18.0.1/24"));
  if (with_v6) {
    info.addresses.push_back(*config::IpPrefix::parse("fe80::1/64"));
    info.addresses.push_back(*config::IpPrefix::parse("2001:db8::1/64"));
  }
  info.gateway = config::IpAddress::parse("198.18.0.254");
  ports.push_back(info);
  for (std::size_t i = 0; i < workers; ++i) {
    memories_.push_back(std::make_unique<dataplane::WorkerMemory>(limits, waker_));
    workers_.push_back(std::make_unique<ScriptedWorker>(*memories_.back(), frames_));
  }
}

ScriptedPlane::~ScriptedPlane() {
  workers_.clear();
  dataplane::Punt punt;
  for (const auto& memory : memories_) {
    dataplane::PuntRings& rings = memory->punts;
    for (auto* ring : {&rings.peers, &rings.strangers, &rings.link, &rings.echoes})
      while (ring->pop(punt)) free_punt(punt);
  }
}

rte_mbuf* ScriptedPlane::make_frame(std::span<const std::uint8_t> bytes) {
  if (frames_exhausted) return nullptr;
  ++frames_;
  return reinterpret_cast<rte_mbuf*>(new TestFrame{{bytes.begin(), bytes.end()}, 0});
}

void ScriptedPlane::free_frame(rte_mbuf* frame) {
  delete frame_of(frame);
  --frames_;
}

std::span<const std::uint8_t> ScriptedPlane::punt_frame(const dataplane::Punt& punt) const {
  return frame_of(punt.mbuf)->bytes;
}

namespace {

dataplane::PuntClass class_of(dataplane::PuntKind kind) {
  switch (kind) {
    case dataplane::PuntKind::kStun:
    case dataplane::PuntKind::kDtls:
      return dataplane::PuntClass::kStranger;
    case dataplane::PuntKind::kArp:
    case dataplane::PuntKind::kIcmpv6:
      return dataplane::PuntClass::kLink;
    case dataplane::PuntKind::kIcmp:
      break;
  }
  return dataplane::PuntClass::kEcho;
}

}  // namespace

bool ScriptedPlane::punt(std::size_t worker, dataplane::PuntKind kind, std::span<const std::uint8_t> frame,
                         dataplane::SlotRef endpoint) {
  dataplane::Punt entry;
  entry.kind = kind;
  entry.port_id = ports[0].id;
  entry.endpoint = endpoint;
  entry.mbuf = make_frame(frame);
  if (memories_[worker]->punts.of(class_of(kind)).push(entry)) return true;
  free_frame(entry.mbuf);
  return false;
}

WorkerThread::WorkerThread(ScriptedWorker& worker)
    : thread_([this, &worker] {
        while (!stop_.load(std::memory_order_relaxed))
          if (worker.turn(64) == 0) std::this_thread::yield();
        worker.turn();
      }) {}

WorkerThread::~WorkerThread() {
  stop_ = true;
  thread_.join();
}

}  // namespace sluice::control::test
