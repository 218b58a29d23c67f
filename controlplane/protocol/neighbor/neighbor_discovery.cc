#include "controlplane/protocol/neighbor/neighbor_discovery.h"

#include <algorithm>
#include <array>

namespace sluice::control {
namespace {

using config::IpAddress;
using dataplane::MacAddress;
using dataplane::store_be16;

constexpr std::size_t kNdBytes = 24;       // type, code, checksum, flags, target
constexpr std::size_t kOptionBytes = 8;    // type, length in units of 8, MAC
constexpr std::uint8_t kNdHopLimit = 255;  // shows that no router forwarded it
constexpr std::uint8_t kSourceOption = 1;
constexpr std::uint8_t kTargetOption = 2;
constexpr std::uint8_t kSolicitedFlag = 0x40;
constexpr std::uint8_t kOverrideFlag = 0x20;

// Finds the first link-layer address option of type `wanted`. False when the options are malformed.
bool parse_options(std::span<const std::uint8_t> options, std::uint8_t wanted,
                   std::optional<MacAddress>& found) {
  while (!options.empty()) {
    if (options.size() < kOptionBytes) return false;
    const std::size_t length = std::size_t{options[1]} * 8;
    if (length == 0 || length > options.size()) return false;
    if (options[0] == wanted && length == kOptionBytes && !found) {
      MacAddress mac{};
      std::copy_n(options.begin() + 2, mac.size(), mac.begin());
      if (!is_unicast_mac(mac)) return false;
      found = mac;
    }
    options = options.subspan(length);
  }
  return true;
}

bool destination_ok(const NdMessage& message) {
  if (!message.solicitation) return !(message.solicited && message.destination.is_multicast());
  if (!message.source.is_unspecified()) return true;
  return message.destination == solicited_node(message.target) && !message.link_layer;
}

std::vector<std::uint8_t> make_message(const NeighborPort& port, const MacAddress& to,
                                       const IpAddress& from_ip, const IpAddress& to_ip, std::uint8_t type,
                                       std::uint8_t flags, const IpAddress& target) {
  std::array<std::uint8_t, kNdBytes + kOptionBytes> message{};
  message[0] = type;
  message[4] = flags;
  std::copy(target.bytes.begin(), target.bytes.end(), message.begin() + 8);
  message[kNdBytes] = type == kNeighborSolicitation ? kSourceOption : kTargetOption;
  message[kNdBytes + 1] = 1;
  std::copy(port.mac.begin(), port.mac.end(), message.begin() + kNdBytes + 2);
  store_be16(message.data() + 2, icmpv6_checksum(from_ip, to_ip, message));
  auto frame = start_frame(port, to, dataplane::kEtherTypeIpv6);
  append_ipv6(frame, from_ip, to_ip, dataplane::kIpProtoIcmpv6, message.size(), kNdHopLimit);
  append(frame, message);
  return frame;
}

}  // namespace

std::optional<NdMessage> NdMessage::parse(std::span<const std::uint8_t> bytes,
                                          const dataplane::Frame& frame) {
  if (frame.ip_version != 6 || frame.ip_protocol != dataplane::kIpProtoIcmpv6) return std::nullopt;
  const auto message = bytes.subspan(frame.l4_offset, frame.l4_length);
  if (message.size() < kNdBytes || bytes[frame.l3_offset + 7U] != kNdHopLimit || message[1] != 0)
    return std::nullopt;
  if (message[0] != kNeighborSolicitation && message[0] != kNeighborAdvertisement) return std::nullopt;
  NdMessage nd;
  nd.solicitation = message[0] == kNeighborSolicitation;
  nd.source = dataplane::source_ip(bytes, frame);
  nd.destination = dataplane::destination_ip(bytes, frame);
  if (icmpv6_checksum(nd.source, nd.destination, message) != 0) return std::nullopt;
  nd.solicited = !nd.solicitation && (message[4] & kSolicitedFlag) != 0;
  nd.override = !nd.solicitation && (message[4] & kOverrideFlag) != 0;
  nd.target = IpAddress::from_bytes(message.subspan(8, 16));
  if (nd.target.is_multicast() || nd.target.is_unspecified() || nd.source.is_multicast()) return std::nullopt;
  const std::uint8_t wanted = nd.solicitation ? kSourceOption : kTargetOption;
  if (!parse_options(message.subspan(kNdBytes), wanted, nd.link_layer)) return std::nullopt;
  if (!destination_ok(nd)) return std::nullopt;
  return nd;
}

std::vector<std::uint8_t> make_solicitation(const NeighborPort& port, const IpAddress& source,
                                            const IpAddress& target,
                                            const std::optional<MacAddress>& unicast) {
  const IpAddress to_ip = unicast ? target : solicited_node(target);
  return make_message(port, unicast.value_or(multicast_mac(to_ip)), source, to_ip, kNeighborSolicitation, 0,
                      target);
}

std::vector<std::uint8_t> make_advertisement(const NeighborPort& port, const IpAddress& ours,
                                             const IpAddress& to_ip, const MacAddress& to) {
  const auto flags = static_cast<std::uint8_t>(kOverrideFlag | (to_ip.is_multicast() ? 0 : kSolicitedFlag));
  return make_message(port, to, ours, to_ip, kNeighborAdvertisement, flags, ours);
}

}  // namespace sluice::control
