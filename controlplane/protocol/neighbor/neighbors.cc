#include "controlplane/protocol/neighbor/neighbors.h"

#include <algorithm>
#include <utility>

#include "controlplane/protocol/neighbor/icmp_echo.h"

namespace sluice::control {
namespace {

using config::IpAddress;
using config::IpPrefix;
using dataplane::Frame;
using dataplane::MacAddress;

// Of one port. A station asks for an address about once a second, and after a restart for all addresses.
constexpr std::uint32_t kEchoesPerSecond = 200;
constexpr std::uint32_t kEchoesPerSource = 50;
constexpr std::uint32_t kTooBigPerSource = 100;
constexpr std::uint32_t kAnswersPerSecond = 1000;
constexpr std::uint32_t kAnswersPerSource = 50;
constexpr std::uint32_t kKnownAnswersPerSecond = 1000;
constexpr std::chrono::seconds kAnnounceInterval{2};  // RFC 5227 1.1

}  // namespace

Neighbors::Neighbors(std::vector<NeighborPort> ports, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      table_(
          {[this](const NeighborTable::Key& key, const std::optional<MacAddress>& known) { ask(key, known); },
           [this](const NeighborTable::Key& key, const MacAddress& mac) {
             callbacks_.on_resolved(key.port, key.ip, mac);
           },
           [this](const NeighborTable::Key& key) {
             const Port* port = find(key.port);
             if (key.ip == port->link.gateway || key.ip == port->link.gateway6)
               callbacks_.on_gateway_lost(key.port, key.ip);
           }}) {
  for (NeighborPort& link : ports) {
    const bool v6 = std::any_of(link.addresses.begin(), link.addresses.end(),
                                [](const IpPrefix& prefix) { return prefix.address.is_v6(); });
    Port& port = ports_.emplace_back(Port{.link = std::move(link),
                                          .link_local = std::nullopt,
                                          .echoes = {kEchoesPerSource, kEchoesPerSecond},
                                          .too_big = {kTooBigPerSource, kTooBigPerSecond},
                                          .answers = {kAnswersPerSource, kAnswersPerSecond},
                                          .known = {},
                                          .defences = {}});
    if (v6) port.link_local = link_local_of(port.link.mac);
  }
}

const Neighbors::Port* Neighbors::find(std::uint16_t port_index) const {
  const auto found = std::find_if(ports_.begin(), ports_.end(),
                                  [&](const Port& port) { return port.link.index == port_index; });
  return found == ports_.end() ? nullptr : &*found;
}

Neighbors::Port* Neighbors::find(std::uint16_t port_index) {
  return const_cast<Port*>(std::as_const(*this).find(port_index));
}

bool Neighbors::is_ours(const Port& port, const IpAddress& ip) {
  return ip == port.link_local || std::any_of(port.link.addresses.begin(), port.link.addresses.end(),
                                              [&](const IpPrefix& prefix) { return prefix.address == ip; });
}

// Whether it is 255.255.255.255 or the last address of one of our prefixes (RFC 919); a /31 or /32 has no
// broadcast address (RFC 3021).
bool Neighbors::is_broadcast(const Port& port, const IpAddress& ip) {
  if (ip.is_v6()) return false;
  const std::uint32_t value = dataplane::load_be32(ip.bytes.data());
  if (value == 0xffffffff) return true;
  return std::any_of(port.link.addresses.begin(), port.link.addresses.end(), [&](const IpPrefix& prefix) {
    if (prefix.length > 30 || !prefix.contains(ip)) return false;
    const std::uint32_t host_bits = 0xffffffffU >> prefix.length;
    return (value & host_bits) == host_bits;
  });
}

bool Neighbors::may_be_answered(const Port& port, const IpAddress& ip) {
  const bool loopback = !ip.is_v6() && ip.bytes[0] == 127;
  return !ip.is_multicast() && !ip.is_unspecified() && !loopback && !is_broadcast(port, ip) &&
         !is_ours(port, ip);
}

// The source of a question: an address of ours that the target takes for a neighbour's (RFC 4861 7.2.2, RFC
// 826).
IpAddress Neighbors::source_towards(const Port& port, const IpAddress& target) {
  if (target.is_v6() && target.is_link_local() && port.link_local) return *port.link_local;
  for (const IpPrefix& prefix : port.link.addresses)
    if (prefix.contains(target)) return prefix.address;
  if (target.is_v6() && port.link_local) return *port.link_local;
  for (const IpPrefix& prefix : port.link.addresses)
    if (prefix.address.family == target.family) return prefix.address;
  IpAddress unspecified;
  unspecified.family = target.family;
  return unspecified;
}

void Neighbors::start(TimePoint now) {
  for (const Port& port : ports_) {
    announce(port);
    for (const auto& gateway : {port.link.gateway, port.link.gateway6})
      if (gateway) table_.look_up({port.link.index, *gateway}, true, now);
  }
  announce_again_ = now + kAnnounceInterval;
}

void Neighbors::announce(const Port& port) {
  for (const IpPrefix& prefix : port.link.addresses) announce(port, prefix.address);
  if (port.link_local) announce(port, *port.link_local);
}

void Neighbors::announce(const Port& port, const IpAddress& ours) {
  callbacks_.send(port.link.index,
                  ours.is_v6() ? make_advertisement(port.link, ours, all_nodes(), multicast_mac(all_nodes()))
                               : make_arp_request(port.link, kBroadcastMac, ours, ours));
}

// RFC 5227 2.4 (c): a server keeps its address whatever another station does. The announcement brings the
// caches of the other stations back; the interval keeps two such servers from a loop.
void Neighbors::on_conflict(Port& port, const IpAddress& ours, const MacAddress& mac, TimePoint now) {
  ++counters_.conflicts;
  ++port.conflicts;
  const auto found = std::find_if(port.defences.begin(), port.defences.end(),
                                  [&](const Defence& defence) { return defence.ours == ours; });
  if (found != port.defences.end() && now < found->next) return;
  if (found != port.defences.end())
    found->next = now + kDefendInterval;
  else
    port.defences.push_back({ours, now + kDefendInterval});
  ++counters_.defended;
  announce(port, ours);
  callbacks_.on_conflict(port.link.index, ours, mac);
}

void Neighbors::on_frame(std::uint16_t port_index, std::span<const std::uint8_t> bytes, TimePoint now) {
  Port* port = find(port_index);
  if (port == nullptr) return drop(NeighborDrop::kUnknownPort);
  Frame frame;
  if (dataplane::parse_frame(bytes, frame)) return drop(NeighborDrop::kMalformed);
  if (frame.vlan != port->link.vlan) return drop(NeighborDrop::kOtherVlan);
  const MacAddress to = mac_at(bytes, 0);
  if (to != port->link.mac && (to[0] & 1) == 0) return drop(NeighborDrop::kNotForUs);
  const MacAddress from = mac_at(bytes, 6);
  // Our own MAC is not refused: the kernel's side of a TAP port has the same one.
  if (!is_unicast_mac(from)) return drop(NeighborDrop::kBadSource);
  if (frame.ether_type == dataplane::kEtherTypeArp)
    return on_arp(*port, bytes.subspan(frame.l3_offset, frame.l3_length), now);
  if (frame.ip_version == 6 && frame.ip_protocol == dataplane::kIpProtoIcmpv6)
    return on_icmpv6(*port, bytes, frame, now);
  if (frame.ip_version == 4 && frame.ip_protocol == dataplane::kIpProtoIcmp)
    return on_other_icmp(*port, bytes, frame, now);
  drop(NeighborDrop::kUnknownType);
}

void Neighbors::on_arp(Port& port, std::span<const std::uint8_t> payload, TimePoint now) {
  const auto packet = ArpPacket::parse(payload);
  if (!packet) return drop(NeighborDrop::kMalformed);
  if (is_ours(port, packet->sender_ip) && packet->sender_mac != port.link.mac)
    on_conflict(port, packet->sender_ip, packet->sender_mac, now);
  // 0.0.0.0 asks whether an address is free (RFC 5227), so it gets an answer when the address is ours.
  if (!packet->sender_ip.is_unspecified() && !may_be_answered(port, packet->sender_ip))
    return drop(NeighborDrop::kBadSource);
  if (packet->operation == ArpOperation::kReply) {
    const bool to_us = packet->target_mac == port.link.mac && is_ours(port, packet->target_ip);
    return learn(port, packet->sender_ip, packet->sender_mac, to_us, now);
  }
  if (!packet->sender_ip.is_unspecified())
    table_.claim({port.link.index, packet->sender_ip}, packet->sender_mac, now);
  if (!is_ours(port, packet->target_ip)) return drop(NeighborDrop::kNotForUs);
  if (!may_answer(port, packet->sender_ip, packet->sender_mac, now)) return drop(NeighborDrop::kRateLimited);
  ++counters_.arp_answered;
  callbacks_.send(port.link.index, make_arp_reply(port.link, packet->target_ip, *packet));
}

void Neighbors::on_icmpv6(Port& port, std::span<const std::uint8_t> bytes, const Frame& frame,
                          TimePoint now) {
  if (frame.l4_length == 0) return drop(NeighborDrop::kMalformed);
  const std::uint8_t type = bytes[frame.l4_offset];
  if (type != kNeighborSolicitation && type != kNeighborAdvertisement)
    return on_other_icmp(port, bytes, frame, now);
  const auto message = NdMessage::parse(bytes, frame);
  if (!message) return drop(NeighborDrop::kMalformed);
  const MacAddress from = mac_at(bytes, 6);
  if (message->solicitation) return on_solicitation(port, *message, from, now);
  on_advertisement(port, *message, from, now);
}

void Neighbors::on_solicitation(Port& port, const NdMessage& message, const MacAddress& from, TimePoint now) {
  if (!is_ours(port, message.target)) return drop(NeighborDrop::kNotForUs);
  const bool probe = message.source.is_unspecified();
  if (!probe && !may_be_answered(port, message.source)) return drop(NeighborDrop::kBadSource);
  const bool to_us =
      is_ours(port, message.destination) || message.destination == solicited_node(message.target);
  if (!to_us) return drop(NeighborDrop::kNotForUs);
  if (!probe) table_.claim({port.link.index, message.source}, message.link_layer.value_or(from), now);
  if (!may_answer(port, message.source, from, now)) return drop(NeighborDrop::kRateLimited);
  ++counters_.nd_answered;
  // A probe for a duplicate address has no address to answer to. So all nodes are told that the address is
  // taken (RFC 4861 7.2.4).
  const IpAddress to_ip = probe ? all_nodes() : message.source;
  const MacAddress to = probe ? multicast_mac(to_ip) : message.link_layer.value_or(from);
  callbacks_.send(port.link.index, make_advertisement(port.link, message.target, to_ip, to));
}

void Neighbors::on_advertisement(Port& port, const NdMessage& message, const MacAddress& from,
                                 TimePoint now) {
  if (is_ours(port, message.target)) {
    const MacAddress mac = message.link_layer.value_or(from);
    if (mac != port.link.mac) on_conflict(port, message.target, mac, now);
    return drop(NeighborDrop::kBadSource);
  }
  const bool asked_for = message.solicited && is_ours(port, message.destination);
  // The answer to a poll may leave out the link-layer address (RFC 4861 4.4). It is then the MAC that the
  // answer came from.
  learn(port, message.target, message.link_layer.value_or(from), asked_for, now);
}

void Neighbors::on_other_icmp(Port& port, std::span<const std::uint8_t> bytes, const Frame& frame,
                              TimePoint now) {
  if (mac_at(bytes, 0) != port.link.mac || !is_ours(port, dataplane::destination_ip(bytes, frame)))
    return drop(NeighborDrop::kNotForUs);
  if (!may_be_answered(port, dataplane::source_ip(bytes, frame))) return drop(NeighborDrop::kBadSource);
  if (PacketTooBig::is_one(bytes, frame)) return on_too_big(port, bytes, frame, now);
  on_echo(port, bytes, frame, now);
}

void Neighbors::on_echo(Port& port, std::span<const std::uint8_t> bytes, const Frame& frame, TimePoint now) {
  const auto reply = make_echo_reply(port.link, bytes, frame);
  if (reply.empty()) return drop(NeighborDrop::kUnknownType);
  if (!port.echoes.take(dataplane::source_ip(bytes, frame).view(), now))
    return drop(NeighborDrop::kRateLimited);
  ++counters_.echo_answered;
  callbacks_.send(port.link.index, reply);
}

void Neighbors::on_too_big(Port& port, std::span<const std::uint8_t> bytes, const Frame& frame,
                           TimePoint now) {
  const auto message = PacketTooBig::parse(bytes, frame);
  if (!message) return drop(NeighborDrop::kMalformed);
  if (message->local.ip != dataplane::destination_ip(bytes, frame)) return drop(NeighborDrop::kNotForUs);
  if (!port.too_big.take(dataplane::source_ip(bytes, frame).view(), now))
    return drop(NeighborDrop::kRateLimited);
  ++counters_.too_big;
  if (callbacks_.on_too_big) callbacks_.on_too_big(*message, now);
}

bool Neighbors::may_answer(Port& port, const IpAddress& to, const MacAddress& mac, TimePoint now) {
  if (table_.find({port.link.index, to}) == mac && port.known.take(kKnownAnswersPerSecond, now)) return true;
  return port.answers.take(mac, now);
}

void Neighbors::learn(const Port& port, const IpAddress& ip, const MacAddress& mac, bool asked_for,
                      TimePoint now) {
  const NeighborTable::Key key{port.link.index, ip};
  if (asked_for && table_.answer(key, mac, now)) {
    ++counters_.learned;
    return;
  }
  drop(NeighborDrop::kUnasked);
  table_.claim(key, mac, now);
}

void Neighbors::ask(const NeighborTable::Key& key, const std::optional<MacAddress>& known) {
  const Port* port = find(key.port);
  if (port == nullptr) return;
  const IpAddress source = source_towards(*port, key.ip);
  ++counters_.asked;
  callbacks_.send(
      key.port, key.ip.is_v6() ? make_solicitation(port->link, source, key.ip, known)
                               : make_arp_request(port->link, known.value_or(kBroadcastMac), source, key.ip));
}

std::optional<IpAddress> Neighbors::next_hop(std::uint16_t port_index, const IpAddress& destination) const {
  const Port* port = find(port_index);
  if (port == nullptr || !may_be_answered(*port, destination)) return std::nullopt;
  if (is_on_link(*port, destination)) return destination;
  return destination.is_v6() ? port->link.gateway6 : port->link.gateway;
}

bool Neighbors::is_on_link(const Port& port, const IpAddress& destination) {
  return (destination.is_v6() && destination.is_link_local() && port.link_local) ||
         std::any_of(port.link.addresses.begin(), port.link.addresses.end(),
                     [&](const IpPrefix& prefix) { return prefix.contains(destination); });
}

std::optional<MacAddress> Neighbors::resolve(std::uint16_t port_index, const IpAddress& destination,
                                             TimePoint now) {
  const auto hop = next_hop(port_index, destination);
  if (!hop) return std::nullopt;
  const Port* port = find(port_index);
  const bool pinned = hop == port->link.gateway || hop == port->link.gateway6;
  return table_.look_up({port_index, *hop}, pinned, now);
}

void Neighbors::release(std::uint16_t port_index, const IpAddress& next_hop, TimePoint now) {
  table_.release({port_index, next_hop}, now);
}

std::optional<MacAddress> Neighbors::known_mac(std::uint16_t port_index, const IpAddress& destination) const {
  const auto hop = next_hop(port_index, destination);
  return hop ? table_.find({port_index, *hop}) : std::nullopt;
}

void Neighbors::on_link_up(std::uint16_t port_index, TimePoint now) {
  const Port* port = find(port_index);
  if (port == nullptr) return;
  announce(*port);
  for (const auto& gateway : {port->link.gateway, port->link.gateway6})
    if (gateway) table_.recheck({port_index, *gateway}, now);
}

std::uint64_t Neighbors::conflicts(std::uint16_t port_index) const {
  const Port* port = find(port_index);
  return port == nullptr ? 0 : port->conflicts;
}

Neighbors::TimePoint Neighbors::tick(TimePoint now) {
  if (announce_again_ && now >= *announce_again_) {
    announce_again_.reset();
    for (const Port& port : ports_) announce(port);
  }
  const TimePoint next = table_.tick(now);
  return announce_again_ ? std::min(next, *announce_again_) : next;
}

}  // namespace sluice::control
