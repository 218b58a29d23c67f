#include "controlplane/protocol/neighbor/link_frame.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace sluice::control {

using config::IpAddress;
using config::IpFamily;
using dataplane::MacAddress;
using dataplane::store_be16;

namespace {

constexpr std::size_t kShortestFrame = 60;

std::uint8_t* grow(std::vector<std::uint8_t>& frame, std::size_t bytes) {
  const std::size_t start = frame.size();
  frame.resize(start + bytes);
  return frame.data() + start;
}

}  // namespace

bool is_unicast_mac(const MacAddress& mac) {
  return (mac[0] & 1) == 0 && mac != MacAddress{};
}

MacAddress mac_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  assert(bytes.size() >= offset + MacAddress{}.size());
  MacAddress mac{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), mac.size(), mac.begin());
  return mac;
}

MacAddress multicast_mac(const IpAddress& group) {
  assert(group.is_v6());
  return {0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]};
}

IpAddress solicited_node(const IpAddress& address) {
  assert(address.is_v6());
  IpAddress group = all_nodes();
  group.bytes[11] = 1;
  group.bytes[12] = 0xff;
  std::copy_n(address.bytes.begin() + 13, 3, group.bytes.begin() + 13);
  return group;
}

IpAddress all_nodes() {
  IpAddress group;
  group.family = IpFamily::kIpv6;
  group.bytes[0] = 0xff;
  group.bytes[1] = 0x02;
  group.bytes[15] = 1;
  return group;
}

IpAddress link_local_of(const MacAddress& mac) {
  IpAddress address;
  address.family = IpFamily::kIpv6;
  address.bytes = {0xfe, 0x80};
  address.bytes[8] = mac[0] ^ 0x02;
  address.bytes[9] = mac[1];
  address.bytes[10] = mac[2];
  address.bytes[11] = 0xff;
  address.bytes[12] = 0xfe;
  std::copy_n(mac.begin() + 3, 3, address.bytes.begin() + 13);
  return address;
}

std::vector<std::uint8_t> start_frame(const NeighborPort& port, const MacAddress& to,
                                      std::uint16_t ether_type) {
  std::vector<std::uint8_t> frame;
  frame.reserve(128);
  append(frame, to);
  append(frame, port.mac);
  if (port.vlan != 0) {
    std::uint8_t* tag = grow(frame, 4);
    store_be16(tag, dataplane::kEtherTypeVlan);
    store_be16(tag + 2, port.vlan);
  }
  store_be16(grow(frame, 2), ether_type);
  return frame;
}

void append_ipv4(std::vector<std::uint8_t>& frame, const IpAddress& from, const IpAddress& to,
                 std::uint8_t protocol, std::size_t payload_bytes) {
  constexpr std::size_t kHeader = 20;
  std::uint8_t* ip = grow(frame, kHeader);
  ip[0] = 0x45;
  store_be16(ip + 2, static_cast<std::uint16_t>(kHeader + payload_bytes));
  store_be16(ip + 6, 0x4000);
  ip[8] = kHopLimit;
  ip[9] = protocol;
  std::copy_n(from.bytes.begin(), 4, ip + 12);
  std::copy_n(to.bytes.begin(), 4, ip + 16);
  store_be16(ip + 10, dataplane::checksum_finish(dataplane::checksum_add({ip, kHeader})));
}

void append_ipv6(std::vector<std::uint8_t>& frame, const IpAddress& from, const IpAddress& to,
                 std::uint8_t protocol, std::size_t payload_bytes, std::uint8_t hop_limit) {
  std::uint8_t* ip = grow(frame, 40);
  ip[0] = 0x60;
  store_be16(ip + 4, static_cast<std::uint16_t>(payload_bytes));
  ip[6] = protocol;
  ip[7] = hop_limit;
  std::copy(from.bytes.begin(), from.bytes.end(), ip + 8);
  std::copy(to.bytes.begin(), to.bytes.end(), ip + 24);
}

void append(std::vector<std::uint8_t>& frame, std::span<const std::uint8_t> bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

void pad_frame(std::vector<std::uint8_t>& frame) {
  if (frame.size() < kShortestFrame) frame.resize(kShortestFrame);
}

std::uint16_t icmpv6_checksum(const IpAddress& from, const IpAddress& to,
                              std::span<const std::uint8_t> message) {
  std::uint64_t sum = message.size() + dataplane::kIpProtoIcmpv6;
  sum = dataplane::checksum_add(from.view(), sum);
  sum = dataplane::checksum_add(to.view(), sum);
  return dataplane::checksum_finish(dataplane::checksum_add(message, sum));
}

}  // namespace sluice::control
