// icmp_echo: the answer to a ping (RFC 792, RFC 4443 4.2). Formats only; any thread. Who is answered, and how
// often, is neighbors' affair.
#pragma once

#include <span>
#include <vector>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control {

/// Longest echo message that is answered: what an untagged 1500-byte packet carries over IPv4.
inline constexpr std::size_t kMaxEchoBytes = 1480;

/// Empty when the frame is no echo request: another type or code, a wrong checksum, or a message shorter than
/// 8 or longer than kMaxEchoBytes. Back to the MAC that it came from, addresses exchanged, IP options not
/// repeated. REQUIRES: parse_frame was well and ip_protocol is ICMP over IPv4 or ICMPv6 over IPv6.
std::vector<std::uint8_t> make_echo_reply(const NeighborPort& port, std::span<const std::uint8_t> bytes,
                                          const dataplane::Frame& frame);

}  // namespace sluice::control
