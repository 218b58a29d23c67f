// frame: where the layers of an Ethernet frame lie (802.1Q, IPv4, IPv6, UDP). The one place that
// bounds-checks what a port hands us, for worker and control plane alike. Pure functions over bytes; no DPDK;
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "config/ip_address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/drop_reason.h"

namespace sluice::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr std::uint8_t kIpProtoIcmp = 1;
inline constexpr std::uint8_t kIpProtoUdp = 17;
inline constexpr std::uint8_t kIpProtoIcmpv6 = 58;

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
/// ether_type and ip_protocol. Checks the IPv4 header checksum (RFC 791) unless the port has done so, not
/// UDP's (udp_checksum_ok below).
[[nodiscard]] std::optional<DropReason> parse_frame(std::span<const std::uint8_t> bytes, Frame& frame,
                                                    bool ip_checksum_known_good = false);

/// What nearly every frame is: untagged, IPv4 without options, whole, UDP, its IP checksum known to be good.
/// Its layers lie where they always do.
struct CommonFrame {
  static constexpr std::uint16_t kL3Offset = 14;
  static constexpr std::uint16_t kL4Offset = kL3Offset + 20;
  static constexpr std::uint16_t kPayloadOffset = kL4Offset + 8;
  static constexpr std::uint32_t kNone = ~0u;

  /// The length of its UDP payload. kNone for any other frame and for one that does not fit: ask parse_frame.
  static std::uint32_t payload_length(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kPayloadOffset) return kNone;
    const std::uint8_t* p = bytes.data();
    std::uint32_t kind;  // EtherType, version and header length, and a DSCP that is none of our business
    std::uint64_t rest;  // total length, identification, flags and fragment offset, TTL, protocol
    std::memcpy(&kind, p + 12, sizeof kind);
    std::memcpy(&rest, p + 16, sizeof rest);
    constexpr std::uint64_t kFragmentAndProtocol = 0xff00'ff3f'0000'0000;  // as they lie in memory
    if ((kind & 0xffffff) != 0x450008 || (rest & kFragmentAndProtocol) != std::uint64_t{kIpProtoUdp} << 56)
      return kNone;
    const std::uint32_t total = __builtin_bswap16(static_cast<std::uint16_t>(rest));
    const std::uint32_t udp = load_be16(p + kL4Offset + 4);
    if (total > bytes.size() - kL3Offset || udp < 8 || udp + 20 > total) return kNone;
    return udp - 8;
  }
};

/// REQUIRES: parse_frame was well, ip_protocol is UDP. True also for IPv4's "no checksum" (RFC 768).
[[nodiscard]] bool udp_checksum_ok(std::span<const std::uint8_t> bytes, const Frame& frame);

/// REQUIRES: ip_version != 0.
config::IpAddress source_ip(std::span<const std::uint8_t> bytes, const Frame& frame);
config::IpAddress destination_ip(std::span<const std::uint8_t> bytes, const Frame& frame);

/// RFC 1071 one's-complement sum, not yet folded or inverted; `sum` carries a partial sum in.
std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum = 0);
/// Folds and inverts.
std::uint16_t checksum_finish(std::uint64_t sum);

}  // namespace sluice::dataplane
