// icmp_echo: makes the answer to a ping (RFC 792, RFC 4443 4.2). Formats only; any thread. neighbors decides
// which pings are answered.
#pragma once

#include <span>
#include <vector>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control {

/// The longest echo message that is answered: what an untagged IPv4 packet of 1500 bytes carries.
inline constexpr std::size_t kMaxEchoBytes = 1480;

/// The reply frame, to the MAC that the request came from, with the IP addresses exchanged and without IP
/// options. Empty when the frame is not an echo request: another type or code, a wrong checksum, or a message
/// shorter than 8 or longer than kMaxEchoBytes. REQUIRES: parse_frame accepted the frame, and ip_protocol is
/// ICMP over IPv4 or ICMPv6 over IPv6.
std::vector<std::uint8_t> make_echo_reply(const NeighborPort& port, std::span<const std::uint8_t> bytes,
                                          const dataplane::Frame& frame);

}  // namespace sluice::control
