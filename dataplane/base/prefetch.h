// prefetch: fetches cache lines before they are used. With ten thousand endpoints, the state of a packet is
// in no near cache. So a stage fetches what the next stage will read, while it works on the other packets of
// the batch. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::dataplane {

inline constexpr std::size_t kCacheLine = 64;

/// Fetches `lines` cache lines, beginning with the line of `at`. Any address is allowed.
inline void prefetch(const void* at, std::size_t lines = 1) {
  const auto* p = static_cast<const std::uint8_t*>(at);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(p + i * kCacheLine);
}

/// Fetches one line into the second-level cache, for data that does not fit into the first.
inline void prefetch_to_second(const void* at) {
  __builtin_prefetch(at, 0, 2);
}

/// As prefetch(), for lines that will be written.
inline void prefetch_to_write(const void* at, std::size_t lines = 1) {
  const auto* p = static_cast<const std::uint8_t*>(at);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(p + i * kCacheLine, 1);
}

}  // namespace sluice::dataplane
