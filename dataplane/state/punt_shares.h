// punt_shares: how much of the ring for strangers one source, and one endpoint, may fill while the ring is
// more than half full. The numbers of punts in the present window are kept in tables of fixed size, by hash.
// Worker only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/flat_table.h"

namespace sluice::dataplane {

class PuntShares {
 public:
  static constexpr std::size_t kBuckets = 512;
  static constexpr std::uint64_t kWindowsPerSecond = 8;
  static constexpr std::uint32_t kPerWindow = 32;  // 256 a second

  /// Counts a punt. False when the source or the endpoint has used up its share. `source`: an IP address as
  /// it lies in a frame. `endpoint`: a slot, or kNoSlot.
  [[nodiscard]] bool take(std::span<const std::uint8_t> source, std::uint32_t endpoint, std::uint64_t now,
                          std::uint64_t tsc_hz) {
    const auto window = static_cast<std::uint32_t>(now / (tsc_hz / kWindowsPerSecond)) + 1;
    Bucket& of_source = current(sources_[bucket_of(source)], window);
    if (of_source.count >= kPerWindow) return false;
    if (endpoint != kNoSlot) {
      Bucket& of_endpoint = current(endpoints_[endpoint % kBuckets], window);
      if (of_endpoint.count >= kPerWindow) return false;
      ++of_endpoint.count;
    }
    ++of_source.count;
    return true;
  }

 private:
  struct Bucket {
    std::uint32_t window = 0;
    std::uint32_t count = 0;
  };

  static Bucket& current(Bucket& bucket, std::uint32_t window) {
    if (bucket.window != window) bucket = {window, 0};
    return bucket;
  }
  static std::size_t bucket_of(std::span<const std::uint8_t> source) {
    std::array<std::uint64_t, 2> parts{};
    std::memcpy(parts.data(), source.data(), source.size());
    return mix64(parts[0] ^ mix64(parts[1])) % kBuckets;
  }

  std::array<Bucket, kBuckets> sources_{};
  std::array<Bucket, kBuckets> endpoints_{};
};

}  // namespace sluice::dataplane
