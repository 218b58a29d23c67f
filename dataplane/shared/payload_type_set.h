// payload_type_set: a set of RTP payload types (0 to 127). A plain value; any thread.
#pragma once

#include <array>
#include <cstdint>

namespace sluice::dataplane {

class PayloadTypeSet {
 public:
  [[nodiscard]] bool has(std::uint8_t type) const {
    return (bits_[(type & 0x7f) >> 6] >> (type & 63) & 1) != 0;
  }
  void add(std::uint8_t type) { bits_[(type & 0x7f) >> 6] |= std::uint64_t{1} << (type & 63); }
  void add_all() { bits_.fill(~std::uint64_t{0}); }
  void clear() { bits_.fill(0); }

 private:
  std::array<std::uint64_t, 2> bits_{};
};

}  // namespace sluice::dataplane
