// mac_text: a MAC address as people write it. Any thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>

namespace sluice::control {

/// "02:00:00:00:00:01".
inline std::string mac_text(std::span<const std::uint8_t, 6> mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

}  // namespace sluice::control
