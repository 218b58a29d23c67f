// link_frame: the headers of frames that the control plane makes (ARP, neighbour discovery, ICMP): Ethernet
// with the port's 802.1Q tag, IPv4, IPv6, the ICMPv6 checksum. Functions over a growing vector; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/ip_address.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

/// A port with its addresses, as its neighbours see it.
struct NeighborPort {
  std::uint16_t index = 0;  // the caller's number for it, given to each callback
  dataplane::MacAddress mac{};
  std::vector<config::IpPrefix> addresses;
  std::optional<config::IpAddress> gateway;  // IPv4, on-link
  std::optional<config::IpAddress> gateway6;
  std::uint16_t vlan = 0;  // 0 = untagged
};

/// The hop limit of packets that may leave the link. Neighbour discovery uses 255 (RFC 4861 6.1).
inline constexpr std::uint8_t kHopLimit = 64;
inline constexpr dataplane::MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// Whether one station can have the MAC: it is neither a group address nor all zero.
[[nodiscard]] bool is_unicast_mac(const dataplane::MacAddress& mac);
/// The MAC at `offset`. REQUIRES: `bytes` has six bytes there.
dataplane::MacAddress mac_at(std::span<const std::uint8_t> bytes, std::size_t offset);
/// The Ethernet multicast address of a group: 33:33 and the group's last four bytes (RFC 2464 7). REQUIRES:
/// an IPv6 address.
dataplane::MacAddress multicast_mac(const config::IpAddress& group);
/// The solicited-node group of an address, ff02::1:ffXX:XXXX (RFC 4291 2.7.1). REQUIRES: an IPv6 address.
config::IpAddress solicited_node(const config::IpAddress& address);
/// ff02::1
config::IpAddress all_nodes();
/// fe80:: and the modified EUI-64 of the MAC (RFC 4291 2.5.6, appendix A).
config::IpAddress link_local_of(const dataplane::MacAddress& mac);

/// Starts a frame: Ethernet header, with an 802.1Q tag when `port` has one.
std::vector<std::uint8_t> start_frame(const NeighborPort& port, const dataplane::MacAddress& to,
                                      std::uint16_t ether_type);
/// Appends an IPv4 header (RFC 791): 20 bytes, no options, don't-fragment, with its checksum. The caller then
/// appends `payload_bytes`.
void append_ipv4(std::vector<std::uint8_t>& frame, const config::IpAddress& from, const config::IpAddress& to,
                 std::uint8_t protocol, std::size_t payload_bytes);
/// Appends an IPv6 header: 40 bytes (RFC 8200 3). The caller then appends `payload_bytes`.
void append_ipv6(std::vector<std::uint8_t>& frame, const config::IpAddress& from, const config::IpAddress& to,
                 std::uint8_t protocol, std::size_t payload_bytes, std::uint8_t hop_limit);
void append(std::vector<std::uint8_t>& frame, std::span<const std::uint8_t> bytes);
/// Pads the frame with zero bytes to Ethernet's minimum of 60 bytes without FCS, since software ports do not.
void pad_frame(std::vector<std::uint8_t>& frame);

/// The checksum over the pseudo-header (RFC 8200 8.1) and `message`. With a zero checksum field, the result
/// is the value for that field. With the right value in the field, the result is zero.
std::uint16_t icmpv6_checksum(const config::IpAddress& from, const config::IpAddress& to,
                              std::span<const std::uint8_t> message);

}  // namespace sluice::control
