#include "controlplane/protocol/neighbor/arp.h"

#include <algorithm>
#include <array>

namespace sluice::control {
namespace {

using config::IpAddress;
using dataplane::load_be16;
using dataplane::MacAddress;
using dataplane::store_be16;

constexpr std::size_t kArpBytes = 28;
constexpr std::uint16_t kEthernet = 1;

std::vector<std::uint8_t> make_arp(const NeighborPort& port, const MacAddress& to, ArpOperation operation,
                                   const IpAddress& sender, const MacAddress& target_mac,
                                   const IpAddress& target) {
  auto frame = start_frame(port, to, dataplane::kEtherTypeArp);
  std::array<std::uint8_t, kArpBytes> arp{};
  store_be16(arp.data(), kEthernet);
  store_be16(arp.data() + 2, dataplane::kEtherTypeIpv4);
  arp[4] = 6;
  arp[5] = 4;
  store_be16(arp.data() + 6, static_cast<std::uint16_t>(operation));
  std::copy(port.mac.begin(), port.mac.end(), arp.begin() + 8);
  std::copy_n(sender.bytes.begin(), 4, arp.begin() + 14);
  std::copy(target_mac.begin(), target_mac.end(), arp.begin() + 18);
  std::copy_n(target.bytes.begin(), 4, arp.begin() + 24);
  append(frame, arp);
  pad_frame(frame);
  return frame;
}

}  // namespace

std::optional<ArpPacket> ArpPacket::parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kArpBytes) return std::nullopt;
  if (load_be16(bytes.data()) != kEthernet || load_be16(bytes.data() + 2) != dataplane::kEtherTypeIpv4)
    return std::nullopt;
  const std::uint16_t operation = load_be16(bytes.data() + 6);
  if (bytes[4] != 6 || bytes[5] != 4 || (operation != 1 && operation != 2)) return std::nullopt;
  ArpPacket packet;
  packet.operation = static_cast<ArpOperation>(operation);
  packet.sender_mac = mac_at(bytes, 8);
  packet.sender_ip = IpAddress::from_bytes(bytes.subspan(14, 4));
  packet.target_mac = mac_at(bytes, 18);
  packet.target_ip = IpAddress::from_bytes(bytes.subspan(24, 4));
  if (!is_unicast_mac(packet.sender_mac)) return std::nullopt;
  return packet;
}

std::vector<std::uint8_t> make_arp_request(const NeighborPort& port, const MacAddress& to,
                                           const IpAddress& sender, const IpAddress& target) {
  return make_arp(port, to, ArpOperation::kRequest, sender, {}, target);
}

std::vector<std::uint8_t> make_arp_reply(const NeighborPort& port, const IpAddress& ours,
                                         const ArpPacket& request) {
  return make_arp(port, request.sender_mac, ArpOperation::kReply, ours, request.sender_mac,
                  request.sender_ip);
}

}  // namespace sluice::control
