// frame: where the layers of an Ethernet frame lie (802.1Q, IPv4, IPv6, UDP). The workers and the control
// plane both use it to check the bounds of received frames. Pure functions over bytes, without DPDK; any
// thread.
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

/// Bytes of the largest frame on a link of that MTU, without FCS. `vlan`: 0 = untagged.
constexpr std::uint16_t max_frame(std::uint16_t mtu, std::uint16_t vlan) {
  return static_cast<std::uint16_t>(mtu + 14 + (vlan != 0 ? 4 : 0));
}

/// Offsets are from the frame's first byte. Fields of layers that the frame does not have are zero.
struct Frame {
  std::uint16_t ether_type = 0;  // the one behind the 802.1Q tag, if there is a tag
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

/// Fills `frame` with the layers that are known. Returns nullopt, or the reason to drop the frame
/// (kBadEthernet, kBadIp, kIpFragment, kBadUdp). A well-formed frame of another protocol gives nullopt: see
/// ether_type and ip_protocol. Checks the IPv4 header checksum (RFC 791), unless the port has done so. Does
/// not check the UDP checksum: udp_checksum_ok() does.
[[nodiscard]] std::optional<DropReason> parse_frame(std::span<const std::uint8_t> bytes, Frame& frame,
                                                    bool ip_checksum_known_good = false);

/// The form of nearly every frame: untagged, IPv4 without options, UDP, not a fragment. Its layers lie at
/// fixed offsets. The IPv4 header checksum is not checked: the port must have found it good.
struct CommonFrame {
  static constexpr std::uint16_t kL3Offset = 14;
  static constexpr std::uint16_t kL4Offset = kL3Offset + 20;
  static constexpr std::uint16_t kPayloadOffset = kL4Offset + 8;
  static constexpr std::uint32_t kNone = ~0u;

  /// The length of the UDP payload. kNone for a frame of another form, and for one whose lengths do not fit:
  /// parse_frame() then decides.
  static std::uint32_t payload_length(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kPayloadOffset) return kNone;
    const std::uint8_t* p = bytes.data();
    std::uint32_t kind;  // EtherType, version and header length, and the DSCP, which may be any
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

/// Also true for an IPv4 packet that carries no checksum (RFC 768). REQUIRES: parse_frame() returned nullopt,
/// and the frame is UDP over IP.
[[nodiscard]] bool udp_checksum_ok(std::span<const std::uint8_t> bytes, const Frame& frame);

/// REQUIRES: ip_version != 0.
config::IpAddress source_ip(std::span<const std::uint8_t> bytes, const Frame& frame);
config::IpAddress destination_ip(std::span<const std::uint8_t> bytes, const Frame& frame);

/// Adds the RFC 1071 one's-complement sum of `bytes` to `sum`. The result is not folded or inverted.
std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum = 0);
/// Folds the sum to 16 bits and inverts it. The result is the checksum.
std::uint16_t checksum_finish(std::uint64_t sum);

}  // namespace sluice::dataplane
