#include "controlplane/session/remote_addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/base/log.h"
#include "controlplane/base/mac_text.h"
#include "controlplane/session/errors.h"

namespace sluice::control {
namespace {

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
      path_mtus_(context),
      neighbors_(link_ports(context.plane), callbacks(context, *this)) {
  neighbors_.start(context_.now());
}

Neighbors::Callbacks RemoteAddresses::callbacks(Context& context, RemoteAddresses& self) {
  return {
      .send =
          [&context](std::uint16_t port, std::span<const std::uint8_t> frame) {
            // Any worker can send out of any port.
            (void)context.workers[0]->commands.inject(context.plane.port(port).id, frame);
          },
      .on_resolved =
          [&self](std::uint16_t port, const config::IpAddress& next_hop, const dataplane::MacAddress& mac) {
            self.on_resolved({port, next_hop}, mac);
          },
      .on_gateway_lost =
          [&self](std::uint16_t port, const config::IpAddress& gateway) {
            self.on_gateway({port, gateway}, std::nullopt);
          },
      .on_conflict =
          [&self](std::uint16_t port, const config::IpAddress& ours, const dataplane::MacAddress& mac) {
            self.on_conflict({port, ours}, mac);
          },
      .on_too_big = [&self](const PacketTooBig& message,
                            TimePoint now) { self.path_mtus_.on_too_big(message, now); }};
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
  may_tell_ = kLegsPerTick;
  tell_legs();
  const TimePoint next = std::min(neighbors_.tick(now), path_mtus_.tick(now));
  return changes_.empty() ? next : now;
}

void RemoteAddresses::on_link_up(std::size_t port, TimePoint now) {
  neighbors_.on_link_up(static_cast<std::uint16_t>(port), now);
}

dataplane::MacAddress RemoteAddresses::way_back(std::size_t port, const config::IpAddress& address,
                                                const dataplane::MacAddress& mac) const {
  return neighbors_.known_mac(static_cast<std::uint16_t>(port), address).value_or(mac);
}

void RemoteAddresses::signal(Endpoint& endpoint, const RemoteAddress& remote) {
  endpoint.remote = remote;
  endpoint.signalled = remote;
  follow(endpoint, Component::kRtp, {remote.address, remote.rtp_port}, false);
  if (endpoint.rtcp_mux)
    unfollow(endpoint.worker, endpoint.ref, Component::kRtcp);
  else
    follow(endpoint, Component::kRtcp, {remote.address, remote.rtcp_port}, false);
}

void RemoteAddresses::learned(Endpoint& endpoint, Component component, const config::SocketAddress& address) {
  RemoteAddress remote = endpoint.remote.value_or(RemoteAddress{address.ip, 0, 0});
  remote.address = address.ip;
  if (component == Component::kRtcp)
    remote.rtcp_port = address.port;
  else
    remote.rtp_port = address.port;
  if (endpoint.rtcp_mux) remote.rtcp_port = remote.rtp_port;
  endpoint.remote = remote;
  follow(endpoint, component, address, true);
  endpoint.remote_installed = true;
  note_connected(endpoint);
}

void RemoteAddresses::select(Endpoint& endpoint, const config::SocketAddress& address,
                             const dataplane::MacAddress& mac) {
  endpoint.remote = RemoteAddress{address.ip, address.port, address.port};
  Leg* leg = follow(endpoint, Component::kRtp, address, false);
  if (leg == nullptr) {
    // No way there but the one that the peer's checks came by.
    const Leg once{endpoint.worker, endpoint.ref, Component::kRtp, address, false, std::nullopt};
    set_remote(endpoint, once, dataplane::CommandKind::kSetRemote, mac);
  } else if (!leg->installed) {
    tell(*leg, mac);
  }
}

void RemoteAddresses::stop(Endpoint& endpoint) {
  endpoint.remote.reset();
  unfollow(endpoint.worker, endpoint.ref, Component::kRtp);
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kSetRemote;
  command.ref = endpoint.ref;
  context_.records(endpoint).commands.send(command);
}

void RemoteAddresses::forget(const Endpoint& endpoint) {
  for (const Component component : {Component::kRtp, Component::kRtcp})
    unfollow(endpoint.worker, endpoint.ref, component);
}

// Returns the leg, which has been told if the MAC is known; nullptr when there is no next hop. A latched peer
// may have none: the worker then sends to the MAC that the media came from.
RemoteAddresses::Leg* RemoteAddresses::follow(Endpoint& endpoint, Component component,
                                              const config::SocketAddress& address, bool installed) {
  const std::size_t worker = endpoint.worker;
  const auto port = static_cast<std::uint16_t>(endpoint.port_index);
  const auto next_hop = neighbors_.next_hop(port, address.ip);
  // Before the former place is released, so that a next hop that stays is not.
  const auto mac = next_hop ? neighbors_.resolve(port, address.ip, context_.now()) : std::nullopt;
  const std::uint64_t key = leg_key(worker, endpoint.ref.slot, component);
  const auto former = legs_.find(key);
  if (!next_hop || (former != legs_.end() && former->second != Place{port, *next_hop}))
    unfollow(worker, endpoint.ref, component);
  if (!next_hop) return nullptr;
  const Place place{port, *next_hop};
  legs_.insert_or_assign(key, place);
  Leg& leg = places_[place][key];
  leg = {worker, endpoint.ref, component, address, installed, std::nullopt};
  if (component == Component::kRtp) path_mtus_.follow(endpoint, address);
  if (mac) tell(leg, *mac);
  return &leg;
}

void RemoteAddresses::unfollow(std::size_t worker, dataplane::SlotRef endpoint, Component component) {
  Endpoint* follower = context_.workers[worker]->endpoint(endpoint);
  if (follower != nullptr && component == Component::kRtp) path_mtus_.forget(*follower);
  const auto found = legs_.find(leg_key(worker, endpoint.slot, component));
  if (found == legs_.end()) return;
  const auto place = places_.find(found->second);
  place->second.erase(found->first);
  if (place->second.empty()) {
    neighbors_.release(place->first.port, place->first.next_hop, context_.now());
    places_.erase(place);
  }
  legs_.erase(found);
}

void RemoteAddresses::on_resolved(const Place& place, const dataplane::MacAddress& mac) {
  const dataplane::PortInfo& port = context_.plane.port(place.port);
  if (place.next_hop == port.gateway || place.next_hop == port.gateway6) on_gateway(place, mac);
  const auto found = places_.find(place);
  if (found == places_.end()) return;
  changes_.push_back({place, 0});
  tell_legs();
}

void RemoteAddresses::tell_legs() {
  while (may_tell_ > 0 && !changes_.empty()) {
    --may_tell_;
    Change& change = changes_.front();
    const auto found = places_.find(change.place);
    const auto mac = neighbors_.known_mac(change.place.port, change.place.next_hop);
    if (found == places_.end() || !mac) {
      changes_.pop_front();
      continue;
    }
    Legs& legs = found->second;
    auto at = legs.lower_bound(change.next_leg);
    for (; at != legs.end() && may_tell_ > 0; ++at, --may_tell_) tell(at->second, *mac);
    if (at == legs.end())
      changes_.pop_front();
    else
      change.next_leg = at->first;
  }
}

void RemoteAddresses::tell(Leg& leg, const dataplane::MacAddress& mac) {
  if (leg.mac == mac) return;
  Endpoint* endpoint = context_.workers[leg.worker]->endpoint(leg.endpoint);
  if (endpoint == nullptr || endpoint->removing) return;
  leg.mac = mac;
  const auto kind = std::exchange(leg.installed, true) ? dataplane::CommandKind::kSetNextHop
                                                       : dataplane::CommandKind::kSetRemote;
  set_remote(*endpoint, leg, kind, mac);
}

void RemoteAddresses::set_remote(Endpoint& endpoint, const Leg& leg, dataplane::CommandKind kind,
                                 const dataplane::MacAddress& mac) {
  dataplane::LinkEnd local = endpoint.local;
  if (leg.component == Component::kRtcp) local.address.port = endpoint.rtcp_port;
  dataplane::Command command;
  command.kind = kind;
  command.component = leg.component;
  command.ref = endpoint.ref;
  command.remote = dataplane::make_header_template(local, {mac, leg.remote}, context_.port(endpoint).vlan,
                                                   endpoint.request.dscp);
  context_.records(endpoint).commands.send(command);
  endpoint.remote_installed = true;
  note_connected(endpoint);
}

void RemoteAddresses::on_gateway(const Place& place, const std::optional<dataplane::MacAddress>& mac) {
  const std::string& port = context_.plane.port(place.port).name;
  const std::string gateway = place.next_hop.to_string();
  if (mac)
    log::info("gateway answers port={} gateway={} mac={}", log::value(port), gateway, mac_text(*mac));
  else
    log::warning("gateway does not answer port={} gateway={}", log::value(port), gateway);
  context_.emit(place.port, PortGateway{place.next_hop, mac});
}

void RemoteAddresses::on_conflict(const Place& ours, const dataplane::MacAddress& mac) {
  log::warning("another station uses our address port={} address={} mac={} seen={}",
               log::value(context_.plane.port(ours.port).name), ours.next_hop.to_string(), mac_text(mac),
               neighbors_.conflicts(ours.port));
  context_.emit(ours.port, PortConflict{ours.next_hop, mac});
}

void RemoteAddresses::note_connected(Endpoint& endpoint) {
  const bool keyed = endpoint.kind == dataplane::EndpointKind::kRtp || endpoint.keys_ready;
  if (endpoint.connected || endpoint.removing || endpoint.failed) return;
  if (!keyed || !endpoint.remote_installed) return;
  endpoint.connected = true;
  const bool plain = endpoint.kind == dataplane::EndpointKind::kRtp;
  context_.emit(endpoint, EndpointConnected{plain ? std::nullopt : endpoint.profile});
}

}  // namespace sluice::control
