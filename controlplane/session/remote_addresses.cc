#include "controlplane/session/remote_addresses.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/session/errors.h"

namespace sluice::control {
namespace {

// Well below kNeighborWanted, so that no entry in use expires.
constexpr std::chrono::seconds kKeepUpPeriod{60};
constexpr std::size_t kPlacesPerTurn = 32;

std::vector<NeighborPort> link_ports(const MediaPlane& plane) {
  std::vector<NeighborPort> ports;
  for (std::size_t i = 0; i < plane.port_count(); ++i) {
    const dataplane::PortInfo& info = plane.port(i);
    NeighborPort port;
    port.index = static_cast<std::uint16_t>(i);
    port.mac = info.mac;
    port.vlan = info.vlan;
    port.addresses = info.addresses;
    port.gateway = info.gateway;
    port.gateway6 = info.gateway6;
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace

using dataplane::Component;

RemoteAddresses::RemoteAddresses(Context& context)
    : context_(context),
      neighbors_(
          link_ports(context.plane),
          {[this](std::uint16_t port, std::span<const std::uint8_t> frame) {
             // Any worker can send out of any port.
             (void)context_.workers[0]->commands.inject(context_.plane.port(port).id, frame);
           },
           [this](std::uint16_t port, const config::IpAddress& next_hop, const dataplane::MacAddress& mac) {
             on_resolved({port, next_hop}, mac);
           }}) {
  neighbors_.start(context_.now());
}

std::optional<RequestError> RemoteAddresses::check(std::size_t port, const config::IpAddress& address) const {
  if (neighbors_.next_hop(static_cast<std::uint16_t>(port), address)) return std::nullopt;
  return refuse_parameter("remote.address", address.to_string(),
                          fmt::format("a unicast address that port \"{}\" reaches, on-link or by a gateway",
                                      context_.plane.port(port).name));
}

void RemoteAddresses::on_frame(std::size_t port, std::span<const std::uint8_t> frame, TimePoint now) {
  neighbors_.on_frame(static_cast<std::uint16_t>(port), frame, now);
}

TimePoint RemoteAddresses::tick(TimePoint now) {
  const bool is_kept_up = keep_up(now);
  const TimePoint next = neighbors_.tick(now);
  return is_kept_up ? next : now;
}

// Without look-ups the neighbour table stops keeping an entry up to date and reporting changes of its MAC.
bool RemoteAddresses::keep_up(TimePoint now) {
  if (now < next_keep_up_) return true;
  auto place = places_.upper_bound(kept_up_);
  for (std::size_t i = 0; place != places_.end(); ++place) {
    if (i++ == kPlacesPerTurn) return false;
    kept_up_ = place->first;
    neighbors_.resolve(place->first.port, place->first.next_hop, now);
  }
  kept_up_ = {};
  next_keep_up_ = now + kKeepUpPeriod;
  return true;
}

void RemoteAddresses::signal(Endpoint& endpoint, const RemoteAddress& remote) {
  endpoint.remote = remote;
  endpoint.remote_signalled = true;
  follow(endpoint, Component::kRtp, {remote.address, remote.rtp_port}, false);
  if (!endpoint.rtcp_mux) follow(endpoint, Component::kRtcp, {remote.address, remote.rtcp_port}, false);
}

void RemoteAddresses::latched(Endpoint& endpoint, Component component, const config::SocketAddress& address) {
  RemoteAddress remote = endpoint.remote.value_or(RemoteAddress{address.ip, 0, 0});
  remote.address = address.ip;
  if (component == Component::kRtcp)
    remote.rtcp_port = address.port;
  else
    remote.rtp_port = address.port;
  if (endpoint.rtcp_mux) remote.rtcp_port = remote.rtp_port;
  endpoint.remote = remote;
  context_.emit(endpoint, EndpointLatched{component == Component::kRtcp, address});
  follow(endpoint, component, address, true);
  endpoint.remote_installed = true;
  note_connected(endpoint);
}

void RemoteAddresses::select(Endpoint& endpoint, const config::SocketAddress& address,
                             const dataplane::MacAddress& mac) {
  endpoint.remote = RemoteAddress{address.ip, address.port, address.port};
  set_remote(endpoint, Component::kRtp, address, mac);
}

void RemoteAddresses::stop(Endpoint& endpoint) {
  endpoint.remote.reset();
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kSetRemote;
  command.ref = endpoint.ref;
  context_.records(endpoint).commands.send(command);
}

void RemoteAddresses::forget(const Endpoint& endpoint) {
  for (const Component component : {Component::kRtp, Component::kRtcp})
    unfollow(endpoint.worker, endpoint.ref, component);
}

void RemoteAddresses::follow(Endpoint& endpoint, Component component, const config::SocketAddress& address,
                             bool wait_for_change) {
  const std::size_t worker = endpoint.worker;
  unfollow(worker, endpoint.ref, component);
  const std::uint64_t key = leg_key(worker, endpoint.ref.slot, component);
  const auto port = static_cast<std::uint16_t>(endpoint.port_index);
  const auto next_hop = neighbors_.next_hop(port, address.ip);
  if (!next_hop)
    return;  // no next hop for a latched peer: the worker sends to the MAC that the media came from
  const Place place{port, *next_hop};
  legs_.emplace(key, place);
  Leg& leg = places_[place][key];
  leg = {worker, endpoint.ref, component, address, wait_for_change, std::nullopt};
  if (const auto mac = neighbors_.resolve(port, address.ip, context_.now())) tell(leg, *mac);
}

void RemoteAddresses::unfollow(std::size_t worker, dataplane::SlotRef endpoint, Component component) {
  const auto found = legs_.find(leg_key(worker, endpoint.slot, component));
  if (found == legs_.end()) return;
  const auto place = places_.find(found->second);
  place->second.erase(found->first);
  if (place->second.empty()) places_.erase(place);
  legs_.erase(found);
}

void RemoteAddresses::on_resolved(const Place& place, const dataplane::MacAddress& mac) {
  const auto found = places_.find(place);
  if (found == places_.end()) return;
  for (auto& [key, leg] : found->second) tell(leg, mac);
}

void RemoteAddresses::tell(Leg& leg, const dataplane::MacAddress& mac) {
  if (leg.mac == mac) return;
  leg.mac = mac;
  if (std::exchange(leg.wait_for_change, false)) return;
  Endpoint* endpoint = context_.workers[leg.worker]->endpoint(leg.endpoint);
  if (endpoint == nullptr || endpoint->removing) return;
  set_remote(*endpoint, leg.component, leg.remote, mac);
}

void RemoteAddresses::set_remote(Endpoint& endpoint, Component component,
                                 const config::SocketAddress& address, const dataplane::MacAddress& mac) {
  dataplane::LinkEnd local = endpoint.local;
  if (component == Component::kRtcp) local.address.port = endpoint.rtcp_port;
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kSetRemote;
  command.component = component;
  command.ref = endpoint.ref;
  command.remote = dataplane::make_header_template(local, {mac, address}, context_.port(endpoint).vlan,
                                                   endpoint.request.dscp);
  context_.records(endpoint).commands.send(command);
  endpoint.remote_installed = true;
  note_connected(endpoint);
}

void RemoteAddresses::note_connected(Endpoint& endpoint) {
  const bool keyed = endpoint.request.kind == dataplane::EndpointKind::kRtp || endpoint.keys_ready;
  if (endpoint.connected || endpoint.removing || endpoint.failed) return;
  if (!keyed || !endpoint.remote_installed) return;
  endpoint.connected = true;
  context_.emit(endpoint, EndpointConnected{endpoint.profile});
}

}  // namespace sluice::control
