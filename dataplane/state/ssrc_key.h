// ssrc_key: names an RTP stream on a worker. Any thread.
#pragma once

#include <cstdint>

#include "dataplane/base/flat_table.h"

namespace sluice::dataplane {

/// One SSRC at one endpoint: of a stream coming in, or of a route leading there.
struct SsrcKey {
  std::uint32_t endpoint = 0;
  std::uint32_t ssrc = 0;
  bool operator==(const SsrcKey&) const = default;
  std::uint64_t hash() const { return mix64(std::uint64_t{endpoint} << 32 | ssrc); }
};

}  // namespace sluice::dataplane
