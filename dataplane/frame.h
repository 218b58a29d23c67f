// frame: where the layers of an Ethernet frame lie (802.1Q, IPv4, IPv6, UDP). The one place that
// bounds-checks what a port hands us, for worker and control plane alike. Pure functions over bytes; no DPDK;
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "config/ip_address.h"
#include "dataplane/drop_reason.h"

namespace sluice::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr std::uint8_t kIpProtoIcmp = 1;
inline constexpr std::uint8_t kIpProtoUdp = 17;
inline constexpr std::uint8_t kIpProtoIcmpv6 = 58;

inline std::uint16_t load_be16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}
inline std::uint32_t load_be32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}
inline void store_be16(std::uint8_t* p, std::uint16_t v) {
  p[0] = static_cast<std::uint8_t>(v >> 8);
  p[1] = static_cast<std::uint8_t>(v);
}
inline void store_be32(std::uint8_t* p, std::uint32_t v) {
  store_be16(p, static_cast<std::uint16_t>(v >> 16));
  store_be16(p + 2, static_cast<std::uint16_t>(v));
}

/// Offsets are from the frame's first byte. Fields of layers that the frame does not have are zero.
struct Frame {
  std::uint16_t ether_type = 0;  // of the innermost, after an 802.1Q tag
  std::uint16_t vlan = 0;        // 0 = untagged (or priority-tagged)
  std::uint16_t l3_offset = 0;
  std::uint16_t l3_length = 0;  // header and payload, as the IP header says; for non-IP: to the frame's end
  std::uint8_t ip_version = 0;  // 4, 6 or 0
  std::uint8_t ip_protocol = 0;
  std::uint16_t l4_offset = 0;
  std::uint16_t l4_length = 0;
  std::uint16_t source_port = 0;  // UDP, host order
  std::uint16_t destination_port = 0;
  std::uint16_t payload_offset = 0;  // of the UDP payload
  std::uint16_t payload_length = 0;
};

/// Fills `frame` as far as the layers go. nullopt when all is well; otherwise the reason to drop it
/// (kBadEthernet, kBadIp, kIpFragment, kBadUdp). A well-formed frame of another protocol is well: look at
/// ether_type and ip_protocol. Checks the IPv4 header checksum (RFC 791) unless the port has done so, not UDP's
/// (udp_checksum_ok below).
std::optional<DropReason> parse_frame(std::span<const std::uint8_t> bytes, Frame& frame,
                                      bool ip_checksum_known_good = false);

/// parse_frame for what nearly every frame is: untagged, IPv4 without options, whole, UDP, its IP checksum known
/// to be good. False for any other and for any that does not fit: then `frame` is untouched; ask parse_frame.
inline bool parse_common_frame(std::span<const std::uint8_t> bytes, Frame& frame) {
  constexpr std::size_t kHeaders = 14 + 20 + 8;
  if (bytes.size() < kHeaders || bytes.size() > 0xffff) return false;
  const std::uint8_t* p = bytes.data();
  if (load_be16(p + 12) != kEtherTypeIpv4 || p[14] != 0x45 || p[23] != kIpProtoUdp) return false;
  const std::size_t total = load_be16(p + 16);
  const std::size_t udp = load_be16(p + 38);
  if ((load_be16(p + 20) & 0x3fff) != 0 || total > bytes.size() - 14 || udp < 8 || udp + 20 > total)
    return false;
  frame = Frame{.ether_type = kEtherTypeIpv4,
                .vlan = 0,
                .l3_offset = 14,
                .l3_length = static_cast<std::uint16_t>(total),
                .ip_version = 4,
                .ip_protocol = kIpProtoUdp,
                .l4_offset = 34,
                .l4_length = static_cast<std::uint16_t>(udp),
                .source_port = load_be16(p + 34),
                .destination_port = load_be16(p + 36),
                .payload_offset = kHeaders,
                .payload_length = static_cast<std::uint16_t>(udp - 8)};
  return true;
}

/// REQUIRES: parse_frame was well, ip_protocol is UDP. True also for IPv4's "no checksum" (RFC 768).
bool udp_checksum_ok(std::span<const std::uint8_t> bytes, const Frame& frame);

/// REQUIRES: ip_version != 0.
config::IpAddress source_ip(std::span<const std::uint8_t> bytes, const Frame& frame);
config::IpAddress destination_ip(std::span<const std::uint8_t> bytes, const Frame& frame);

/// RFC 1071 one's-complement sum, not yet folded or inverted; `sum` carries a partial sum in.
std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum = 0);
/// Folds and inverts.
std::uint16_t checksum_finish(std::uint64_t sum);

}  // namespace sluice::dataplane
