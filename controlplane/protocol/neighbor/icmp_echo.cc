#include "controlplane/protocol/neighbor/icmp_echo.h"

#include <algorithm>
#include <cassert>

namespace sluice::control {
namespace {

using dataplane::store_be16;

constexpr std::uint8_t kEchoRequest4 = 8;
constexpr std::uint8_t kEchoReply4 = 0;
constexpr std::uint8_t kEchoRequest6 = 128;
constexpr std::uint8_t kEchoReply6 = 129;
constexpr std::size_t kEchoHeader = 8;

}  // namespace

std::vector<std::uint8_t> make_echo_reply(const NeighborPort& port, std::span<const std::uint8_t> bytes,
                                          const dataplane::Frame& frame) {
  const bool v6 = frame.ip_version == 6;
  assert(frame.ip_protocol == (v6 ? dataplane::kIpProtoIcmpv6 : dataplane::kIpProtoIcmp));
  const auto request = bytes.subspan(frame.l4_offset, frame.l4_length);
  if (request.size() < kEchoHeader || request.size() > kMaxEchoBytes) return {};
  if (request[0] != (v6 ? kEchoRequest6 : kEchoRequest4) || request[1] != 0) return {};
  const auto peer = dataplane::source_ip(bytes, frame);
  const auto ours = dataplane::destination_ip(bytes, frame);
  const std::uint16_t problem = v6 ? icmpv6_checksum(peer, ours, request)
                                   : dataplane::checksum_finish(dataplane::checksum_add(request));
  if (problem != 0) return {};

  std::vector<std::uint8_t> reply(request.begin(), request.end());
  reply[0] = v6 ? kEchoReply6 : kEchoReply4;
  store_be16(reply.data() + 2, 0);
  store_be16(reply.data() + 2, v6 ? icmpv6_checksum(ours, peer, reply)
                                  : dataplane::checksum_finish(dataplane::checksum_add(reply)));
  dataplane::MacAddress to{};
  std::copy_n(bytes.begin() + 6, to.size(), to.begin());
  auto out = start_frame(port, to, v6 ? dataplane::kEtherTypeIpv6 : dataplane::kEtherTypeIpv4);
  if (v6) {
    append_ipv6(out, ours, peer, dataplane::kIpProtoIcmpv6, reply.size(), kHopLimit);
  } else {
    append_ipv4(out, ours, peer, dataplane::kIpProtoIcmp, reply.size());
  }
  append(out, reply);
  pad_frame(out);
  return out;
}

}  // namespace sluice::control
