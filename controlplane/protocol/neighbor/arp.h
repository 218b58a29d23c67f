// arp: reads and writes ARP packets for IPv4 over Ethernet (RFC 826, RFC 5227). Formats only; any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control {

enum class ArpOperation : std::uint8_t { kRequest = 1, kReply = 2 };

struct ArpPacket {
  ArpOperation operation{};
  dataplane::MacAddress sender_mac{};
  config::IpAddress sender_ip;  // 0.0.0.0 in a probe (RFC 5227 1.1)
  dataplane::MacAddress target_mac{};
  config::IpAddress target_ip;

  /// `bytes` is the Ethernet payload with its padding. nullopt for other hardware, protocols or operations, a
  /// packet that is cut, or a sender MAC that is not one of a single station.
  [[nodiscard]] static std::optional<ArpPacket> parse(std::span<const std::uint8_t> bytes);
};

/// Asks for the MAC of `target`. `to` is the broadcast MAC, or the station that had the address last (unicast
/// poll, RFC 1122 2.3.2.1).
std::vector<std::uint8_t> make_arp_request(const NeighborPort& port, const dataplane::MacAddress& to,
                                           const config::IpAddress& sender, const config::IpAddress& target);
/// Answers `request`: `ours` is at the port's MAC.
std::vector<std::uint8_t> make_arp_reply(const NeighborPort& port, const config::IpAddress& ours,
                                         const ArpPacket& request);

}  // namespace sluice::control
