#include "dataplane/wire/header_template.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sluice::dataplane {
namespace {

constexpr std::uint8_t kHopLimit = 64;

std::uint32_t fold32(std::uint64_t sum) {
  while (sum >> 32 != 0) sum = (sum & 0xffffffff) + (sum >> 32);
  return static_cast<std::uint32_t>(sum);
}

}  // namespace

HeaderTemplate make_header_template(const LinkEnd& local, const LinkEnd& remote, std::uint16_t vlan,
                                    std::uint8_t dscp) {
  assert(local.address.ip.family == remote.address.ip.family && vlan < 4096 && dscp < 64);
  HeaderTemplate header{};
  std::uint8_t* p = header.bytes.data();
  std::copy(remote.mac.begin(), remote.mac.end(), p);
  std::copy(local.mac.begin(), local.mac.end(), p + 6);
  p += 12;
  if (vlan != 0) {
    store_be16(p, kEtherTypeVlan);
    store_be16(p + 2, vlan);
    p += 4;
  }
  header.is_v6 = remote.address.ip.is_v6();
  store_be16(p, header.is_v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
  p += 2;
  header.l3_offset = static_cast<std::uint8_t>(p - header.bytes.data());
  const std::size_t size = remote.address.ip.size();
  const std::uint8_t traffic_class = static_cast<std::uint8_t>(dscp << 2);
  std::uint8_t* addresses;
  if (header.is_v6) {
    store_be32(p, 6u << 28 | std::uint32_t{traffic_class} << 20);
    p[6] = kIpProtoUdp;
    p[7] = kHopLimit;
    addresses = p + 8;
    p += 40;
  } else {
    p[0] = 0x45;
    p[1] = traffic_class;
    store_be16(p + 6, 0x4000);  // "don't fragment", so the identification may be 0 (RFC 6864 4.1)
    p[8] = kHopLimit;
    p[9] = kIpProtoUdp;
    addresses = p + 12;
    p += 20;
  }
  std::memcpy(addresses, local.address.ip.bytes.data(), size);
  std::memcpy(addresses + size, remote.address.ip.bytes.data(), size);
  header.l4_offset = static_cast<std::uint8_t>(p - header.bytes.data());
  store_be16(p, local.address.port);
  store_be16(p + 2, remote.address.port);
  p += 8;
  header.length = static_cast<std::uint8_t>(p - header.bytes.data());
  if (!header.is_v6) header.ip_sum = fold32(checksum_add({header.bytes.data() + header.l3_offset, 20}));
  header.address_sum =
      static_cast<std::uint16_t>(~checksum_finish(checksum_add({addresses, 2 * size}, kIpProtoUdp)));
  header.port_sum = std::uint32_t{local.address.port} + remote.address.port;
  return header;
}

config::SocketAddress template_remote(const HeaderTemplate& header) {
  assert(header.known());
  const std::uint8_t* ip = header.bytes.data() + header.l3_offset;
  const std::size_t size = header.is_v6 ? 16 : 4;
  return {config::IpAddress::from_bytes({ip + (header.is_v6 ? 24 : 16), size}),
          load_be16(header.bytes.data() + header.l4_offset + 2)};
}

MacAddress template_next_hop(const HeaderTemplate& header) {
  assert(header.known());
  MacAddress mac;
  std::copy_n(header.bytes.begin(), mac.size(), mac.begin());
  return mac;
}

void set_dscp(const HeaderTemplate& header, std::uint8_t* frame, std::uint8_t dscp, bool summed) {
  assert(dscp < 64);
  std::uint8_t* ip = frame + header.l3_offset;
  const std::uint16_t before = load_be16(ip);
  const unsigned shift = header.is_v6 ? 6 : 2;  // ECN is behind it, and in IPv6 four bits of the flow label
  const unsigned kept = before & ~(0x3fu << shift);
  const auto after = static_cast<std::uint16_t>(kept | unsigned{dscp} << shift);
  store_be16(ip, after);
  if (header.is_v6 || !summed) return;
  const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~load_be16(ip + 10))} +
                            static_cast<std::uint16_t>(~before) + after;
  store_be16(ip + 10, checksum_finish(sum));
}

void write_headers(const HeaderTemplate& header, std::uint8_t* frame, std::uint16_t payload_length) {
  write_headers_for_offload(header, frame, payload_length);
  const auto udp_length = static_cast<std::uint16_t>(payload_length + 8);
  std::uint8_t* udp = frame + header.l4_offset;
  if (!header.is_v6) {
    const std::uint64_t total = udp_length + 20u;
    store_be16(frame + header.l3_offset + 10, checksum_finish(header.ip_sum + total));
  }
  // The sum includes the length twice: it is in the pseudo header and in the UDP header.
  const std::uint64_t sum = std::uint64_t{header.address_sum} + header.port_sum + udp_length + udp_length;
  const std::uint16_t whole = checksum_finish(checksum_add({udp + 8, payload_length}, sum));
  store_be16(udp + 6, whole == 0 ? 0xffff : whole);
}

}  // namespace sluice::dataplane
