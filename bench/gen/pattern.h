// pattern: what a packet carries. A window of one block of random bytes, placed by stream and sequence
// number: costs nothing to make, and a packet that lands at the wrong place or is changed on its way is found
// out.
#pragma once

#include <array>
#include <cstdint>
#include <random>

namespace sluice::gen {

class Pattern {
 public:
  static constexpr std::size_t kWindows = 2048;

  Pattern() {
    std::mt19937_64 random(0x5163656e);
    for (std::uint8_t& byte : bytes_) byte = static_cast<std::uint8_t>(random());
  }
  /// At least 1400 bytes.
  const std::uint8_t* of(std::uint32_t stream, std::uint16_t sequence) const {
    const std::uint64_t mixed = (std::uint64_t{stream} << 16 | sequence) * 0x9e3779b97f4a7c15ULL;
    return bytes_.data() + (mixed >> 53);
  }

 private:
  alignas(64) std::array<std::uint8_t, kWindows + 1408> bytes_;
};

}  // namespace sluice::gen
