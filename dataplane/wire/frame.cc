#include "dataplane/wire/frame.h"

#include <cassert>
#include <cstring>

namespace sluice::dataplane {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kVlanTag = 4;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kUdpHeader = 8;

std::optional<DropReason> parse_ipv4(std::span<const std::uint8_t> bytes, Frame& frame, bool known_good) {
  const std::size_t room = bytes.size() - frame.l3_offset;
  if (room < kIpv4Header) return DropReason::kBadIp;
  const std::uint8_t* ip = bytes.data() + frame.l3_offset;
  const std::size_t header = static_cast<std::size_t>(ip[0] & 0x0f) * 4;
  const std::uint16_t total = load_be16(ip + 2);
  if ((ip[0] >> 4) != 4 || header < kIpv4Header || total < header || total > room) return DropReason::kBadIp;
  if (!known_good && checksum_finish(checksum_add({ip, header})) != 0) return DropReason::kBadIp;
  if ((load_be16(ip + 6) & 0x3fff) != 0) return DropReason::kIpFragment;  // MF or an offset
  frame.ip_version = 4;
  frame.ip_protocol = ip[9];
  frame.l3_length = total;
  frame.l4_offset = static_cast<std::uint16_t>(frame.l3_offset + header);
  frame.l4_length = static_cast<std::uint16_t>(total - header);
  return std::nullopt;
}

// Skips at most four extension headers, only hop-by-hop and destination options.
std::optional<DropReason> parse_ipv6(std::span<const std::uint8_t> bytes, Frame& frame) {
  const std::size_t room = bytes.size() - frame.l3_offset;
  if (room < kIpv6Header) return DropReason::kBadIp;
  const std::uint8_t* ip = bytes.data() + frame.l3_offset;
  const std::size_t payload = load_be16(ip + 4);
  if ((ip[0] >> 4) != 6 || payload > room - kIpv6Header) return DropReason::kBadIp;
  std::uint8_t next = ip[6];
  std::size_t offset = kIpv6Header;
  const std::size_t end = kIpv6Header + payload;
  for (int walked = 0; next == 0 || next == 60 || next == 44; ++walked) {
    if (next == 44) return DropReason::kIpFragment;
    if (walked == 4 || end - offset < 8) return DropReason::kBadIp;
    const std::size_t length = (std::size_t{ip[offset + 1]} + 1) * 8;
    if (length > end - offset) return DropReason::kBadIp;
    next = ip[offset];
    offset += length;
  }
  frame.ip_version = 6;
  frame.ip_protocol = next;
  frame.l3_length = static_cast<std::uint16_t>(end);
  frame.l4_offset = static_cast<std::uint16_t>(frame.l3_offset + offset);
  frame.l4_length = static_cast<std::uint16_t>(end - offset);
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> parse_frame(std::span<const std::uint8_t> bytes, Frame& frame,
                                      bool ip_checksum_known_good) {
  frame = Frame{};
  if (bytes.size() < kEthernetHeader || bytes.size() > 0xffff) return DropReason::kBadEthernet;
  frame.ether_type = load_be16(bytes.data() + 12);
  frame.l3_offset = kEthernetHeader;
  if (frame.ether_type == kEtherTypeVlan) {
    if (bytes.size() < kEthernetHeader + kVlanTag) return DropReason::kBadEthernet;
    frame.vlan = load_be16(bytes.data() + 14) & 0x0fff;
    frame.ether_type = load_be16(bytes.data() + 16);
    frame.l3_offset += kVlanTag;
  }
  frame.l3_length = static_cast<std::uint16_t>(bytes.size() - frame.l3_offset);
  std::optional<DropReason> problem;
  if (frame.ether_type == kEtherTypeIpv4) {
    problem = parse_ipv4(bytes, frame, ip_checksum_known_good);
  } else if (frame.ether_type == kEtherTypeIpv6) {
    problem = parse_ipv6(bytes, frame);
  }
  if (problem) return problem;
  if (frame.ip_version != 0 && frame.ip_protocol == kIpProtoUdp) {
    if (frame.l4_length < kUdpHeader) return DropReason::kBadUdp;
    const std::uint8_t* udp = bytes.data() + frame.l4_offset;
    const std::uint16_t length = load_be16(udp + 4);
    if (length < kUdpHeader || length > frame.l4_length) return DropReason::kBadUdp;
    frame.l4_length = length;
    frame.source_port = load_be16(udp);
    frame.destination_port = load_be16(udp + 2);
    frame.payload_offset = static_cast<std::uint16_t>(frame.l4_offset + kUdpHeader);
    frame.payload_length = static_cast<std::uint16_t>(length - kUdpHeader);
  }
  return std::nullopt;
}

bool udp_checksum_ok(std::span<const std::uint8_t> bytes, const Frame& frame) {
  assert(frame.ip_version != 0 && frame.ip_protocol == kIpProtoUdp);
  assert(std::size_t{frame.l4_offset} + frame.l4_length <= bytes.size());
  const std::uint8_t* udp = bytes.data() + frame.l4_offset;
  if (load_be16(udp + 6) == 0) return frame.ip_version == 4;  // RFC 8200 8.1: never zero over IPv6
  const std::uint8_t* ip = bytes.data() + frame.l3_offset;
  std::uint64_t sum = std::uint64_t{kIpProtoUdp} + frame.l4_length;
  sum = frame.ip_version == 4 ? checksum_add({ip + 12, 8}, sum) : checksum_add({ip + 8, 32}, sum);
  return checksum_finish(checksum_add({udp, frame.l4_length}, sum)) == 0;
}

config::IpAddress source_ip(std::span<const std::uint8_t> bytes, const Frame& frame) {
  assert(frame.ip_version != 0);
  const std::uint8_t* ip = bytes.data() + frame.l3_offset;
  return frame.ip_version == 4 ? config::IpAddress::from_bytes({ip + 12, 4})
                               : config::IpAddress::from_bytes({ip + 8, 16});
}

config::IpAddress destination_ip(std::span<const std::uint8_t> bytes, const Frame& frame) {
  assert(frame.ip_version != 0);
  const std::uint8_t* ip = bytes.data() + frame.l3_offset;
  return frame.ip_version == 4 ? config::IpAddress::from_bytes({ip + 16, 4})
                               : config::IpAddress::from_bytes({ip + 24, 16});
}

std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum) {
  // A one's-complement sum does not depend on the word size. It depends on the byte order only by one swap at
  // the end (RFC 1071 2). So this sums 32-bit words as they lie in memory, 32 bytes a step, in 64-bit lanes
  // that cannot overflow.
  using Lanes = std::uint64_t __attribute__((vector_size(16)));
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  Lanes even{};
  Lanes odd{};
  for (; left >= 32; left -= 32, p += 32) {
    Lanes first;
    Lanes second;
    std::memcpy(&first, p, 16);
    std::memcpy(&second, p + 16, 16);
    even += (first & 0xffffffff) + (second & 0xffffffff);
    odd += (first >> 32) + (second >> 32);
  }
  even += odd;
  std::uint64_t native = even[0] + even[1];
  for (; left >= 4; left -= 4, p += 4) {
    std::uint32_t word;
    std::memcpy(&word, p, 4);
    native += word;
  }
  if (left != 0) {
    std::uint32_t tail = 0;
    // An odd last byte is the high half of its 16-bit word. The zeros of `tail` stand behind it.
    std::memcpy(&tail, p, left);
    native += tail;
  }
  // Folds to 16 bits and swaps to network order, as `sum` has it.
  return sum + __builtin_bswap16(static_cast<std::uint16_t>(~checksum_finish(native)));
}

std::uint16_t checksum_finish(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace sluice::dataplane
