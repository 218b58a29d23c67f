// ring_device: the [[ports]] device "ring:NAME[,size=N][,mac=02:...]". Another process of this host exchanges
// packets with such a port through shared memory, without a copy (dataplane/port/ring_port). Plain values,
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

inline constexpr std::uint32_t kMinRingSize = 64;
inline constexpr std::uint32_t kMaxRingSize = 65536;

struct RingDevice {
  std::string name;           // [a-z0-9-]{1,15}
  std::uint32_t size = 8192;  // packets of each ring; a power of two
  std::array<std::uint8_t, 6> mac{};
};

/// Whether `device` begins with "ring:".
[[nodiscard]] bool is_ring_device(std::string_view device);

/// nullopt when `device` is not well-formed. Without mac= the MAC is a locally administered one, computed
/// from the name. So it is the same at every start.
[[nodiscard]] std::optional<RingDevice> parse_ring_device(std::string_view device);

}  // namespace sluice::config
