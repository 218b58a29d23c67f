// rtcp_support: writes and reads RTCP compounds, for tests of feedback.
#pragma once

#include <optional>

#include "dataplane/wire/rtcp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {

/// The compound that `write` puts into an RtcpWriter.
inline Bytes compound(auto write) {
  Bytes buffer(1400);
  RtcpWriter writer(buffer);
  write(writer);
  buffer.resize(writer.length());
  return buffer;
}

/// What follows the SSRC in a sender report (RFC 3550 6.4.1).
inline Bytes sender_info(std::uint32_t rtp_time) {
  Bytes info(20);
  store_be32(&info[0], 0xe0000001);
  store_be32(&info[4], 0x80000000);
  store_be32(&info[8], rtp_time);
  store_be32(&info[12], 999);
  store_be32(&info[16], 999999);
  return info;
}

/// The first item of that type; nullopt when there is none or a packet of the compound is malformed.
inline std::optional<RtcpItem> find_item(const Bytes& packet, RtcpType type) {
  if (sound_rtcp_length(packet) != packet.size()) return std::nullopt;
  RtcpItem item;
  for (RtcpWalk walk(packet); walk.next(item);)
    if (item.type == static_cast<std::uint8_t>(type)) return item;
  return std::nullopt;
}

}  // namespace sluice::dataplane::test
