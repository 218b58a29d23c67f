// rfc3339: a point in time as text (RFC 3339), in UTC. Pure function, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice::control {

enum class TimePrecision : std::uint8_t { kSeconds, kMilliseconds };

/// "2026-01-02T03:04:05Z" or "2026-01-02T03:04:05.678Z", rounded down.
[[nodiscard]] std::string rfc3339(std::chrono::system_clock::time_point time, TimePrecision precision);

}  // namespace sluice::control
