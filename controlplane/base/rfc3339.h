// rfc3339: points in time as people and programs read them (RFC 3339), in UTC. Pure function, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice::control {

enum class TimePrecision : std::uint8_t { kSeconds, kMilliseconds };

/// "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z"; what is finer is cut off.
[[nodiscard]] std::string rfc3339(std::chrono::system_clock::time_point time, TimePrecision precision);

}  // namespace sluice::control
