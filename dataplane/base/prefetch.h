// prefetch: asks for cache lines ahead of their use. With ten thousand endpoints each packet meets state that
// is in no near cache; a stage asks for what the next one will read while it works on the other packets of
// the batch. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::dataplane {

inline constexpr std::size_t kCacheLine = 64;

/// `lines` cache lines from the one that `at` lies in. Never faults.
inline void prefetch(const void* at, std::size_t lines = 1) {
  const auto* p = static_cast<const std::uint8_t*>(at);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(p + i * kCacheLine);
}

/// One line, into the second level cache: for what is more than the first can hold.
inline void prefetch_to_second(const void* at) {
  __builtin_prefetch(at, 0, 2);
}

/// As prefetch, for lines that will be written.
inline void prefetch_to_write(const void* at, std::size_t lines = 1) {
  const auto* p = static_cast<const std::uint8_t*>(at);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(p + i * kCacheLine, 1);
}

}  // namespace sluice::dataplane
