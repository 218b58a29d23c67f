// rate_limit: bounds how often something is done: in all, and for each source of requests. A limit is one
// time: that at which the tokens that were taken have come back (the generic cell rate algorithm). Not
// thread-safe; time is passed in.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace sluice::control {

/// At most `per_second` in each second, which may come all at once.
class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// False when there is none left; then nothing is taken. REQUIRES: per_second is not 0, and the same in
  /// each call.
  [[nodiscard]] bool take(std::uint32_t per_second, TimePoint now) {
    if (!has(per_second, now)) return false;
    paid_until_ = std::max(paid_until_, now) + step(per_second);
    return true;
  }
  [[nodiscard]] bool has(std::uint32_t per_second, TimePoint now) const {
    return std::max(paid_until_, now) + step(per_second) <= now + std::chrono::seconds(1);
  }

 private:
  static std::chrono::nanoseconds step(std::uint32_t per_second) {
    return std::chrono::nanoseconds(1'000'000'000 / per_second);
  }
  TimePoint paid_until_{};
};

/// A limit for each source, and one for all sources together. Sources share kBuckets limits, by their hash.
class SourceLimits {
 public:
  static constexpr std::size_t kBuckets = 256;

  SourceLimits(std::uint32_t per_source, std::uint32_t in_all) : per_source_(per_source), in_all_(in_all) {}

  /// `source`: what identifies it, such as its MAC. A source that has used up its own share takes nothing
  /// from the others.
  [[nodiscard]] bool take(std::span<const std::uint8_t> source, RateLimit::TimePoint now) {
    RateLimit& own = buckets_[bucket_of(source)];
    return own.has(per_source_, now) && all_.take(in_all_, now) && own.take(per_source_, now);
  }

 private:
  // FNV-1a. A station that tries to hit the bucket of another one can as well use its MAC.
  static std::size_t bucket_of(std::span<const std::uint8_t> source) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::uint8_t byte : source) hash = (hash ^ byte) * 0x100000001b3;
    return (hash ^ hash >> 32) % kBuckets;
  }

  std::uint32_t per_source_;
  std::uint32_t in_all_;
  RateLimit all_;
  std::array<RateLimit, kBuckets> buckets_;
};

}  // namespace sluice::control
