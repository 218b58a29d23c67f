// header_template: the Ethernet, IP and UDP headers of all packets to one remote address, built once. To send
// a packet, the worker copies at most 66 bytes, then sets lengths and checksums. Pure functions without DPDK,
// any thread. A template lies in a slot and belongs to the owner of the slot.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "config/ip_address.h"
#include "dataplane/wire/frame.h"

namespace sluice::dataplane {

/// One end of a link: our own MAC and address on a port, or the next hop's MAC and the remote address.
struct LinkEnd {
  MacAddress mac{};
  config::SocketAddress address;
};

struct HeaderTemplate {
  static constexpr std::size_t kMaxLength = 66;  // Ethernet 14, 802.1Q 4, IPv6 40, UDP 8

  std::uint8_t length;  // of the headers; 0 = the remote is not known, so nothing can be sent
  std::uint8_t l3_offset;
  std::uint8_t l4_offset;
  bool is_v6;
  std::uint32_t ip_sum;                // IPv4 header sum with total length 0
  std::uint32_t address_sum;           // UDP pseudo header without length, folded to 16 bits
  std::uint32_t port_sum;              // of the two UDP ports
  std::array<std::uint8_t, 72> bytes;  // lengths and checksums zero

  bool known() const { return length != 0; }
};

/// REQUIRES: local and remote of one family; `vlan` up to 4095, 0 = untagged; `dscp` up to 63 (RFC 2474).
HeaderTemplate make_header_template(const LinkEnd& local, const LinkEnd& remote, std::uint16_t vlan,
                                    std::uint8_t dscp = 0);

/// The remote address and UDP port of a template. REQUIRES: known().
config::SocketAddress template_remote(const HeaderTemplate& header);
/// The destination MAC of the frames. REQUIRES: known().
MacAddress template_next_hop(const HeaderTemplate& header);

/// Writes the headers with all checksums to frame[0, header.length). REQUIRES: known(), and the UDP payload
/// already lies behind the headers.
void write_headers(const HeaderTemplate& header, std::uint8_t* frame, std::uint16_t payload_length);

/// Gives written headers another DSCP than the template's. `summed`: the IPv4 checksum is in its place, and
/// is corrected (RFC 1624). A port that computes it wants zero there. REQUIRES: `dscp` up to 63.
void set_dscp(const HeaderTemplate& header, std::uint8_t* frame, std::uint8_t dscp, bool summed);

/// The same as write_headers() for a port that computes the checksums itself. Such a port wants the sum of
/// the pseudo header in the UDP checksum field, and zero in the IPv4 one.
inline void write_headers_for_offload(const HeaderTemplate& header, std::uint8_t* frame,
                                      std::uint16_t payload_length) {
  const auto udp_length = static_cast<std::uint16_t>(payload_length + 8);
  // The compiler copies a constant length without a call. Nearly all headers have one of these two lengths.
  if (header.length == 42) {
    std::memcpy(frame, header.bytes.data(), 42);
  } else if (header.length == 62) {
    std::memcpy(frame, header.bytes.data(), 62);
  } else {
    std::memcpy(frame, header.bytes.data(), header.length);
  }
  std::uint8_t* udp = frame + header.l4_offset;
  if (header.is_v6)
    store_be16(frame + header.l3_offset + 4, udp_length);
  else
    store_be16(frame + header.l3_offset + 2, static_cast<std::uint16_t>(udp_length + 20));
  const std::uint32_t sum = header.address_sum + udp_length;
  std::uint32_t lengths_and_sum = std::uint32_t{udp_length} << 16 | ((sum & 0xffff) + (sum >> 16));
  store_be32(udp + 4, lengths_and_sum);
}

}  // namespace sluice::dataplane
