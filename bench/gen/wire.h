// wire: the far end of a port as a link of some bit rate: it takes a packet when the one before has left. A
// ring would otherwise take all at once, and nothing would ever wait for the port. The player's thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sluice::gen {

class Wire {
 public:
  /// What Ethernet adds to a frame: preamble, frame check sequence, and the gap between frames.
  static constexpr std::uint32_t kExtraBytes = 8 + 4 + 12;

  /// `gbps`: 10^9 bits a second; 0: no limit.
  Wire(double gbps, double tsc_hz) : ticks_per_byte_(gbps > 0 ? tsc_hz * 8 / (gbps * 1e9) : 0) {}

  bool is_paced() const { return ticks_per_byte_ > 0; }

  /// How many packets to take at TSC time `now`, at most `most`. It assumes that they are as long as the last
  /// one. When this thread comes late, it takes what would have left meanwhile: a wire is never late.
  std::size_t room(std::uint64_t now, std::size_t most) const {
    if (!is_paced()) return most;
    const double ahead = static_cast<double>(now - begun_) - free_at_;
    if (ahead < 0) return 0;
    return std::min(most, 1 + static_cast<std::size_t>(ahead / last_));
  }
  void took(std::uint32_t frame_bytes) {
    last_ = ticks_per_byte_ * (frame_bytes + kExtraBytes);
    free_at_ += last_;
  }
  /// Nothing waits: time that passes from here to the next packet is lost.
  void idle(std::uint64_t now) {
    if (begun_ == 0) begun_ = now;
    free_at_ = std::max(free_at_, static_cast<double>(now - begun_));
  }

 private:
  double ticks_per_byte_;
  std::uint64_t begun_ = 0;
  double free_at_ = 0;  // TSC ticks since begun_
  double last_ = 1;     // ticks of the last packet
};

}  // namespace sluice::gen
