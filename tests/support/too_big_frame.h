// too_big_frame: the frame of a router that says that a datagram of ours was too big for its next link.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control::test {

struct TooBigFrame {
  config::IpAddress router = {};
  dataplane::MacAddress our_mac{};
  config::SocketAddress local = {};   // where the datagram came from
  config::SocketAddress remote = {};  // where it was to go
  std::uint32_t mtu = 0;
  // What a forger or a broken router gets wrong.
  std::vector<std::uint8_t> quoted = {};  // instead of the head of the datagram
  bool good_checksum = true;

  /// The head of a datagram that carries 1200 bytes, as sluice sends it.
  std::vector<std::uint8_t> head() const {
    std::vector<std::uint8_t> out;
    if (remote.ip.is_v6())
      append_ipv6(out, local.ip, remote.ip, dataplane::kIpProtoUdp, 1208, 64);
    else
      append_ipv4(out, local.ip, remote.ip, dataplane::kIpProtoUdp, 1208);
    std::vector<std::uint8_t> udp(8);
    dataplane::store_be16(udp.data(), local.port);
    dataplane::store_be16(udp.data() + 2, remote.port);
    dataplane::store_be16(udp.data() + 4, 1208);
    append(out, udp);
    return out;
  }

  std::vector<std::uint8_t> frame() const {
    const bool v6 = router.is_v6();
    std::vector<std::uint8_t> icmp(8);
    icmp[0] = v6 ? 2 : 3;
    icmp[1] = v6 ? 0 : 4;
    if (v6)
      dataplane::store_be32(icmp.data() + 4, mtu);
    else
      dataplane::store_be16(icmp.data() + 6, static_cast<std::uint16_t>(mtu));
    append(icmp, quoted.empty() ? head() : quoted);
    const std::uint16_t sum = v6 ? icmpv6_checksum(router, local.ip, icmp)
                                 : dataplane::checksum_finish(dataplane::checksum_add(icmp));
    dataplane::store_be16(icmp.data() + 2, static_cast<std::uint16_t>(sum ^ (good_checksum ? 0 : 1)));
    NeighborPort link;
    link.mac = {0x02, 0, 0, 0, 0, 0x55};
    auto out = start_frame(link, our_mac, v6 ? dataplane::kEtherTypeIpv6 : dataplane::kEtherTypeIpv4);
    if (v6)
      append_ipv6(out, router, local.ip, dataplane::kIpProtoIcmpv6, icmp.size(), 61);
    else
      append_ipv4(out, router, local.ip, dataplane::kIpProtoIcmp, icmp.size());
    append(out, icmp);
    return out;
  }
};

}  // namespace sluice::control::test
