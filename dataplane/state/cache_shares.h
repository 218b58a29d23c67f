// cache_shares: how much of the packet cache one stream may fill in a window of time, so that a stream with a
// high rate leaves some for the others. Of a cache of 64 MiB a stream of up to 268 Mbit/s gets what it needs,
// and a flood in one stream overwrites the packets of the others after two seconds at the earliest. What the
// streams have taken in the present window stands in a table of fixed size, by hash: 2 KiB, which stay in a
// near cache. Worker only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/flat_table.h"

namespace sluice::dataplane {

class CacheShares {
 public:
  static constexpr std::size_t kBuckets = 256;
  static constexpr std::uint64_t kWindowsPerSecond = 4;
  static constexpr std::uint64_t kPart = 8;  // of the cache, for one stream in a window

  /// `mib`: the size of the cache.
  CacheShares(std::size_t mib, std::uint64_t tsc_hz)
      : ticks_per_window_(tsc_hz / kWindowsPerSecond),
        bytes_per_window_((std::uint64_t{mib} << 20) / kPart) {}

  /// Whether the stream may have that many bytes more. Counts them if so. `stream`: a slot.
  [[nodiscard]] bool take(std::uint32_t stream, std::uint64_t bytes, std::uint64_t now) {
    if (now - begin_ >= ticks_per_window_) {
      begin_ = now;
      ++window_;
    }
    // With the window, so that two streams do not share a bucket for long.
    Bucket& bucket = buckets_[mix64(std::uint64_t{window_} << 32 | stream) % kBuckets];
    if (bucket.window != window_) bucket = {window_, 0};
    if (bucket.bytes + bytes > bytes_per_window_) return false;
    bucket.bytes += static_cast<std::uint32_t>(bytes);
    return true;
  }

 private:
  struct Bucket {
    std::uint32_t window = 0;
    std::uint32_t bytes = 0;
  };

  const std::uint64_t ticks_per_window_;
  const std::uint64_t bytes_per_window_;
  std::uint64_t begin_ = 0;  // TSC
  std::uint32_t window_ = 1;
  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace sluice::dataplane
