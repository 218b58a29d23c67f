// ring_device: the [[ports]] device "ring:NAME[,size=N][,mac=02:...]". Another process of this host takes the
// packets of such a port out of shared memory, without a copy (dataplane/ring_port). Plain values, any
// thread.
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

/// Whether `device` begins as one does.
[[nodiscard]] bool is_ring_device(std::string_view device);

/// nullopt when it is not well-formed. Without mac= the address is a locally administered one, made from the
/// name: it is the same at every start.
[[nodiscard]] std::optional<RingDevice> parse_ring_device(std::string_view device);

}  // namespace sluice::config
