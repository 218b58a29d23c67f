// pattern: the payload of the packets. It is a part of one block of random bytes, chosen by stream and
// sequence number. It costs nothing to make, and shows a packet that was changed or that reached the wrong
// receiver. Constant after construction.
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
  /// The payload of a packet: 1400 bytes may be read.
  const std::uint8_t* of(std::uint32_t stream, std::uint16_t sequence) const {
    const std::uint64_t mixed = (std::uint64_t{stream} << 16 | sequence) * 0x9e3779b97f4a7c15ULL;
    return bytes_.data() + (mixed >> 53);
  }

 private:
  alignas(64) std::array<std::uint8_t, kWindows + 1408> bytes_;
};

}  // namespace sluice::gen
