#include "controlplane/session/path_mtus.h"

#include <algorithm>

namespace sluice::control {

void PathMtus::follow(Endpoint& endpoint, const config::SocketAddress& remote) {
  const bool is_new = endpoint.path != remote;
  if (is_new) forget(endpoint);
  endpoint.path = remote;
  paths_.insert_or_assign({endpoint.local.address, remote}, Holder{endpoint.worker, endpoint.ref});
  if (is_new) raise(endpoint);
}

void PathMtus::forget(Endpoint& endpoint) {
  if (!endpoint.path) return;
  const auto found = paths_.find({endpoint.local.address, *endpoint.path});
  // On a shared port another endpoint may have taken the address over.
  if (found != paths_.end() && find(found->first) == &endpoint) paths_.erase(found);
  endpoint.path.reset();
}

Endpoint* PathMtus::find(const Path& path) const {
  const auto found = paths_.find(path);
  if (found == paths_.end()) return nullptr;
  return context_.workers[found->second.worker]->endpoint(found->second.endpoint);
}

void PathMtus::on_too_big(const PacketTooBig& message, TimePoint now) {
  Endpoint* endpoint = find({message.local, message.remote});
  const bool takes = endpoint != nullptr && !endpoint->removing && message.mtu < endpoint->path_mtu &&
                     now >= endpoint->path_mtu_next && context_.slot(*endpoint).packets_sent.read() != 0;
  if (!takes) {
    ++context_.totals.path_mtu_ignored;
    return;
  }
  ++context_.totals.path_mtu_lowered;
  endpoint->path_mtu_next = now + kPause;
  endpoint->path_mtu_until = now + kLifetime;
  lowered_.emplace(endpoint->path_mtu_until, endpoint->worker, endpoint->ref.slot, endpoint->ref.generation);
  set(*endpoint, message.mtu, message.remote);
}

TimePoint PathMtus::tick(TimePoint now) {
  while (!lowered_.empty() && std::get<TimePoint>(*lowered_.begin()) <= now) {
    const auto [until, worker, slot, generation] = *lowered_.begin();
    lowered_.erase(lowered_.begin());
    Endpoint* endpoint = context_.workers[worker]->endpoint({slot, generation});
    // Lowered again in the meantime, it has another entry.
    if (endpoint != nullptr && !endpoint->removing && endpoint->path_mtu_until == until) raise(*endpoint);
  }
  const TimePoint latest = now + std::chrono::seconds(1);
  return lowered_.empty() ? latest : std::min(latest, std::get<TimePoint>(*lowered_.begin()));
}

void PathMtus::raise(Endpoint& endpoint) {
  const std::uint16_t mtu = context_.port(endpoint).mtu;
  if (endpoint.path_mtu == mtu) return;
  endpoint.path_mtu_until = {};
  set(endpoint, mtu, {});
}

// With `remote`, the worker takes the MTU only while it sends there: it may have latched to another address.
void PathMtus::set(Endpoint& endpoint, std::uint16_t mtu, const config::SocketAddress& remote) {
  endpoint.path_mtu = mtu;
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kSetMaxFrame;
  command.ref = endpoint.ref;
  command.tuple.remote = remote;
  command.max_frame = dataplane::max_frame(mtu, context_.port(endpoint).vlan);
  context_.records(endpoint).commands.send(command);
  context_.emit(endpoint, EndpointMtu{mtu});
}

}  // namespace sluice::control
