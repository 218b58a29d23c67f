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

/// The first item of that type; nullopt when there is none or a packet of the compound is malformed.
inline std::optional<RtcpItem> find_item(const Bytes& packet, RtcpType type) {
  if (sound_rtcp_length(packet) != packet.size()) return std::nullopt;
  RtcpItem item;
  for (RtcpWalk walk(packet); walk.next(item);)
    if (item.type == static_cast<std::uint8_t>(type)) return item;
  return std::nullopt;
}

}  // namespace sluice::dataplane::test
