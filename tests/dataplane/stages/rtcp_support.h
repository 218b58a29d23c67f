// rtcp_support: RTCP compounds as tests of feedback write and read them.
#pragma once

#include <optional>

#include "dataplane/wire/rtcp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {

/// What `write` puts into an RtcpWriter.
inline Bytes compound(auto write) {
  Bytes buffer(1400);
  RtcpWriter writer(buffer);
  write(writer);
  buffer.resize(writer.length());
  return buffer;
}

/// The first item of that type; nullopt also where the compound does not hold together.
inline std::optional<RtcpItem> find_item(const Bytes& packet, RtcpType type) {
  if (!rtcp_holds_together(packet)) return std::nullopt;
  RtcpItem item;
  for (RtcpWalk walk(packet); walk.next(item);)
    if (item.type == static_cast<std::uint8_t>(type)) return item;
  return std::nullopt;
}

}  // namespace sluice::dataplane::test
