// packet_too_big: the message of a router that a datagram of ours does not fit its next link: "fragmentation
// needed" (RFC 792, RFC 1191 4) and "packet too big" (RFC 4443 3.2). It quotes the head of the datagram. This
// is the only place that reads what an ICMP error quotes. Formats only; any thread.
//
// Any host can send such a message. What it quotes proves no more than that its sender knows, or has guessed,
// the two addresses and UDP ports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "config/ip_address.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

/// A lower MTU is not believed: a link that is narrower fragments below IP (RFC 8200 5), or is a forgery.
/// IPv4 requires less, but what each host must take (RFC 791) fits every link that carries media.
inline constexpr std::uint16_t kLeastMtu4 = 576;
inline constexpr std::uint16_t kLeastMtu6 = 1280;

struct PacketTooBig {
  config::SocketAddress local;   // where the datagram came from: one of our addresses
  config::SocketAddress remote;  // where it was to go
  std::uint16_t mtu = 0;         // of the link: bytes of an IP packet; 65535 also stands for more

  /// Whether it is such a message, by type and code. REQUIRES: as parse().
  [[nodiscard]] static bool is_one(std::span<const std::uint8_t> bytes, const dataplane::Frame& frame);
  /// nullopt when the checksum is wrong, when the quoted head is cut or is not that of a whole UDP datagram
  /// as sluice sends them, or when the MTU is lower than the least one. A router older than RFC 1191 names no
  /// MTU; then it is the least one. REQUIRES: parse_frame accepted the frame, and ip_protocol is ICMP over
  /// IPv4 or ICMPv6 over IPv6.
  [[nodiscard]] static std::optional<PacketTooBig> parse(std::span<const std::uint8_t> bytes,
                                                         const dataplane::Frame& frame);
};

}  // namespace sluice::control
