#include "controlplane/protocol/neighbor/packet_too_big.h"

#include <algorithm>
#include <cassert>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control {
namespace {

using config::IpAddress;
using dataplane::load_be16;
using dataplane::load_be32;

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kUnreachable4 = 3;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kTooBig6 = 2;
constexpr std::size_t kIcmpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kUdpHeader = 8;
constexpr std::uint16_t kDontFragment = 0x4000;

void take_ports(PacketTooBig& message, const std::uint8_t* udp) {
  message.local.port = load_be16(udp);
  message.remote.port = load_be16(udp + 2);
}

// Sluice sends no options, and whole datagrams that say "don't fragment".
bool parse_quoted4(Bytes quoted, PacketTooBig& message) {
  if (quoted.size() < kIpv4Header + kUdpHeader || quoted[0] != 0x45) return false;
  if (quoted[9] != dataplane::kIpProtoUdp || load_be16(quoted.data() + 6) != kDontFragment) return false;
  message.local.ip = IpAddress::from_bytes(quoted.subspan(12, 4));
  message.remote.ip = IpAddress::from_bytes(quoted.subspan(16, 4));
  take_ports(message, quoted.data() + kIpv4Header);
  return true;
}

bool parse_quoted6(Bytes quoted, PacketTooBig& message) {
  if (quoted.size() < kIpv6Header + kUdpHeader || quoted[0] >> 4 != 6) return false;
  if (quoted[6] != dataplane::kIpProtoUdp) return false;
  message.local.ip = IpAddress::from_bytes(quoted.subspan(8, 16));
  message.remote.ip = IpAddress::from_bytes(quoted.subspan(24, 16));
  take_ports(message, quoted.data() + kIpv6Header);
  return true;
}

}  // namespace

bool PacketTooBig::is_one(Bytes bytes, const dataplane::Frame& frame) {
  const Bytes message = bytes.subspan(frame.l4_offset, frame.l4_length);
  if (message.size() < 2) return false;
  if (frame.ip_version == 6) return message[0] == kTooBig6;  // RFC 4443 3.2: the code is ignored
  return message[0] == kUnreachable4 && message[1] == kFragmentationNeeded;
}

std::optional<PacketTooBig> PacketTooBig::parse(Bytes bytes, const dataplane::Frame& frame) {
  const bool v6 = frame.ip_version == 6;
  assert(frame.ip_protocol == (v6 ? dataplane::kIpProtoIcmpv6 : dataplane::kIpProtoIcmp));
  const Bytes icmp = bytes.subspan(frame.l4_offset, frame.l4_length);
  if (icmp.size() < kIcmpHeader || !is_one(bytes, frame)) return std::nullopt;
  const std::uint16_t problem =
      v6 ? icmpv6_checksum(dataplane::source_ip(bytes, frame), dataplane::destination_ip(bytes, frame), icmp)
         : dataplane::checksum_finish(dataplane::checksum_add(icmp));
  if (problem != 0) return std::nullopt;
  PacketTooBig message;
  const Bytes quoted = icmp.subspan(kIcmpHeader);
  if (!(v6 ? parse_quoted6(quoted, message) : parse_quoted4(quoted, message))) return std::nullopt;
  std::uint32_t mtu = v6 ? load_be32(icmp.data() + 4) : load_be16(icmp.data() + 6);
  if (!v6 && mtu == 0) mtu = kLeastMtu4;  // RFC 1191 5
  if (mtu < (v6 ? kLeastMtu6 : kLeastMtu4)) return std::nullopt;
  message.mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, 0xffff));
  return message;
}

}  // namespace sluice::control
