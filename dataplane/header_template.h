// header_template: the Ethernet, IP and UDP headers of everything that goes to one remote address, built
// once. Sending a packet is then a copy of at most 66 bytes and two patched lengths. Pure functions; no DPDK.
// A template lies in a slot and has that slot's owner.
#pragma once

#include <array>
#include <cstdint>

#include "config/ip_address.h"
#include "dataplane/frame.h"

namespace sluice::dataplane {

/// One end of a link: who we are on a port, or where the next hop is.
struct LinkEnd {
  MacAddress mac{};
  config::SocketAddress address;
};

struct HeaderTemplate {
  static constexpr std::size_t kMaxLength = 66;  // Ethernet 14, 802.1Q 4, IPv6 40, UDP 8

  std::uint8_t length;  // of the headers; 0 = the remote is not known, nothing can be sent
  std::uint8_t l3_offset;
  std::uint8_t l4_offset;
  bool is_v6;
  std::uint32_t ip_sum;                // IPv4 header sum with total length 0
  std::uint32_t address_sum;           // UDP pseudo header without length, folded to 16 bits
  std::uint32_t port_sum;              // of the two UDP ports
  std::array<std::uint8_t, 72> bytes;  // lengths and checksums zero

  bool known() const { return length != 0; }
};

/// REQUIRES: local and remote of one family. `vlan` 0 = untagged; `dscp` 0..63 (RFC 2474).
HeaderTemplate make_header_template(const LinkEnd& local, const LinkEnd& remote, std::uint16_t vlan,
                                    std::uint8_t dscp = 0);

/// The remote that a template leads to. REQUIRES: known().
config::SocketAddress template_remote(const HeaderTemplate& header);
MacAddress template_next_hop(const HeaderTemplate& header);

/// What write_headers leaves in the UDP checksum's field.
enum class UdpChecksum : std::uint8_t {
  kWhole,         // the checksum
  kPseudoHeader,  // the pseudo header's sum, as a port wants it that does the rest; the IPv4 one stays zero
};

/// Writes the headers to frame[0, header.length) for a UDP payload that already lies behind them.
void write_headers(const HeaderTemplate& header, std::uint8_t* frame, std::uint16_t payload_length,
                   UdpChecksum checksum);

}  // namespace sluice::dataplane
