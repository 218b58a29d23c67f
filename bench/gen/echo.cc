#include "bench/gen/echo.h"

#include <algorithm>

#include "dataplane/wire/header_template.h"

namespace sluice::gen {
namespace {

using dataplane::store_be16;

constexpr std::size_t kEchoBytes = 32;  // long enough for the shortest Ethernet frame
constexpr std::uint8_t kRequest4 = 8, kReply4 = 0, kRequest6 = 128, kReply6 = 129;
constexpr std::uint16_t kIdentifier = 0x5347;

}  // namespace

std::vector<std::uint8_t> make_echo_request(const Plan& plan, std::uint16_t sequence) {
  const PlanEndpoint& from = plan.endpoints.front();
  // Ethernet and IP addresses are those of the endpoint's media.
  const auto header =
      dataplane::make_header_template({plan.mac, from.address}, {plan.relay_mac, from.relay}, plan.vlan);
  std::vector<std::uint8_t> frame(header.l4_offset + kEchoBytes);
  std::copy_n(header.bytes.begin(), header.l4_offset, frame.begin());
  std::uint8_t* ip = frame.data() + header.l3_offset;
  std::uint8_t* echo = frame.data() + header.l4_offset;
  store_be16(echo + 4, kIdentifier);
  store_be16(echo + 6, sequence);
  if (header.is_v6) {
    store_be16(ip + 4, kEchoBytes);
    ip[6] = dataplane::kIpProtoIcmpv6;
    echo[0] = kRequest6;
    const std::uint64_t pseudo =
        dataplane::checksum_add({ip + 8, 32}, kEchoBytes + dataplane::kIpProtoIcmpv6);
    store_be16(echo + 2, dataplane::checksum_finish(dataplane::checksum_add({echo, kEchoBytes}, pseudo)));
  } else {
    store_be16(ip + 2, 20 + kEchoBytes);
    ip[9] = dataplane::kIpProtoIcmp;
    store_be16(ip + 10, 0);
    store_be16(ip + 10, dataplane::checksum_finish(dataplane::checksum_add({ip, 20})));
    echo[0] = kRequest4;
    store_be16(echo + 2, dataplane::checksum_finish(dataplane::checksum_add({echo, kEchoBytes})));
  }
  return frame;
}

bool is_echo_reply(std::span<const std::uint8_t> bytes) {
  dataplane::Frame frame;
  if (dataplane::parse_frame(bytes, frame) || frame.l4_length < kEchoBytes) return false;
  const std::uint8_t* echo = bytes.data() + frame.l4_offset;
  const bool reply = frame.ip_version == 6
                         ? frame.ip_protocol == dataplane::kIpProtoIcmpv6 && echo[0] == kReply6
                         : frame.ip_protocol == dataplane::kIpProtoIcmp && echo[0] == kReply4;
  return reply && dataplane::load_be16(echo + 4) == kIdentifier;
}

}  // namespace sluice::gen
