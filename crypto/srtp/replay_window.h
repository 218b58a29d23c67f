// replay_window: which of the last 128 packet indices have been seen (RFC 3711 3.3.2). There are two steps:
// check before authentication, commit only after it. So a forged packet changes nothing. One thread owns a
// window: the worker of the stream.
#pragma once

#include <cassert>
#include <cstdint>

namespace sluice::crypto {

enum class ReplayVerdict : std::uint8_t { kFresh, kReplayed, kTooOld };

class ReplayWindow {
 public:
  static constexpr std::uint64_t kBits = 128;

  [[nodiscard]] bool started() const { return started_; }
  /// The highest committed index. REQUIRES: started().
  std::uint64_t highest() const {
    assert(started_);
    return highest_;
  }

  ReplayVerdict check(std::uint64_t index) const {
    if (!started_ || index > highest_) return ReplayVerdict::kFresh;
    const std::uint64_t age = highest_ - index;
    if (age >= kBits) return ReplayVerdict::kTooOld;
    const std::uint64_t word = age < 64 ? low_ >> age : high_ >> (age - 64);
    return (word & 1) != 0 ? ReplayVerdict::kReplayed : ReplayVerdict::kFresh;
  }

  /// Remembers the index. REQUIRES: check(index) is kFresh, and the packet is authentic.
  void commit(std::uint64_t index) {
    assert(check(index) == ReplayVerdict::kFresh);
    if (index == highest_ + 1 && started_) {  // nearly every packet
      commit_next();
    } else if (!started_) {
      started_ = true;
      highest_ = index;
      low_ = 1;
      high_ = 0;
    } else if (index > highest_) {
      shift(index - highest_);
      highest_ = index;
      low_ |= 1;
    } else {
      const std::uint64_t age = highest_ - index;
      (age < 64 ? low_ : high_) |= std::uint64_t{1} << (age % 64);
    }
  }

  /// Remembers highest() + 1, which is always fresh. REQUIRES: started(), and the packet is authentic.
  void commit_next() {
    assert(started_);
    high_ = high_ << 1 | low_ >> 63;
    low_ = low_ << 1 | 1;
    ++highest_;
  }

  void reset() { *this = ReplayWindow{}; }

  /// Begins behind `highest`: all indices up to it count as seen.
  void restore(std::uint64_t highest) {
    started_ = true;
    highest_ = highest;
    low_ = high_ = ~std::uint64_t{0};
  }

 private:
  void shift(std::uint64_t by) {
    if (by >= 128) {
      low_ = high_ = 0;
    } else if (by >= 64) {
      high_ = low_ << (by - 64);
      low_ = 0;
    } else {
      high_ = (high_ << by) | (low_ >> (64 - by));
      low_ <<= by;
    }
  }

  std::uint64_t highest_ = 0;
  std::uint64_t low_ = 0;   // ages 0..63, bit 0 = highest_
  std::uint64_t high_ = 0;  // ages 64..127
  bool started_ = false;
};

}  // namespace sluice::crypto
