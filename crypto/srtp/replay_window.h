// replay_window: which of the last 1,024 packet indices have been seen (RFC 3711 3.3.2). There are two steps:
// check before authentication, commit only after it. So a forged packet changes nothing. One thread owns a
// window: the worker of the stream.
//
// Nearly all packets come in order. For them the window is two numbers: all indices from run_start_ to
// highest_ came. Bits are read and written only where packets are missing. 1,024 is the window of the WebRTC
// peers: a key frame has hundreds of packets, and the first of them may come again after the last.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>

namespace sluice::crypto {

enum class ReplayVerdict : std::uint8_t { kFresh, kReplayed, kTooOld };

class ReplayWindow {
 public:
  static constexpr std::uint64_t kBits = 1024;

  [[nodiscard]] bool started() const { return run_start_ <= highest_; }
  /// The highest committed index. REQUIRES: started().
  std::uint64_t highest() const {
    assert(started());
    return highest_;
  }

  ReplayVerdict check(std::uint64_t index) const {
    if (!started() || index > highest_) return ReplayVerdict::kFresh;
    if (highest_ - index >= kBits) return ReplayVerdict::kTooOld;
    return index >= run_start_ || is_marked(index) ? ReplayVerdict::kReplayed : ReplayVerdict::kFresh;
  }

  /// Remembers the index. REQUIRES: check(index) is kFresh, and the packet is authentic.
  void commit(std::uint64_t index) {
    assert(check(index) == ReplayVerdict::kFresh);
    if (!started()) {
      bits_ = {};
      run_start_ = highest_ = index;
    } else if (index == highest_ + 1) {  // nearly every packet
      highest_ = index;
    } else if (index > highest_) {
      leave_gap(index);
    } else {
      bits_[word_of(index)] |= bit_of(index);
      if (index + 1 == run_start_) run_start_ = index;
    }
  }

  /// Remembers highest() + 1, which is always fresh. REQUIRES: started(), and the packet is authentic.
  void commit_next() {
    assert(started());
    ++highest_;
  }

  void reset() {
    run_start_ = 1;
    highest_ = 0;
  }

  /// Begins behind `highest`: all indices up to it count as seen.
  void restore(std::uint64_t highest) {
    run_start_ = 0;
    highest_ = highest;
  }

 private:
  static constexpr std::uint64_t kWordBits = 64;

  static std::size_t word_of(std::uint64_t index) { return index % kBits / kWordBits; }
  static std::uint64_t bit_of(std::uint64_t index) { return std::uint64_t{1} << (index % kWordBits); }
  bool is_marked(std::uint64_t index) const { return (bits_[word_of(index)] & bit_of(index)) != 0; }

  /// Marks the indices [from, end) as seen or as missing. REQUIRES: at most kBits of them.
  void mark(std::uint64_t from, std::uint64_t end, bool seen) {
    while (from < end) {
      const std::uint64_t count = std::min(kWordBits - from % kWordBits, end - from);
      const std::uint64_t mask = (~std::uint64_t{0} >> (kWordBits - count)) << (from % kWordBits);
      std::uint64_t& word = bits_[word_of(from)];
      word = seen ? word | mask : word & ~mask;
      from += count;
    }
  }

  /// `index` is the highest from now on, and the run begins with it: what the run was goes into the bits.
  void leave_gap(std::uint64_t index) {
    const std::uint64_t lowest = index < kBits ? 0 : index - kBits + 1;
    mark(std::max(run_start_, lowest), highest_ + 1, true);
    mark(std::max(highest_ + 1, lowest), index, false);
    run_start_ = highest_ = index;
  }

  // Not started: the run is empty.
  std::uint64_t highest_ = 0;
  std::uint64_t run_start_ = 1;
  std::array<std::uint64_t, kBits / kWordBits> bits_{};  // of indices below run_start_
};

}  // namespace sluice::crypto
