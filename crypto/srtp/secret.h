// secret: key material of fixed size that wipes itself. Any thread; one owner at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sluice::crypto {

/// Overwrites memory with zeros. The optimiser may not remove this.
inline void wipe(void* data, std::size_t size) {
  std::memset(data, 0, size);
  asm volatile("" : : "r"(data) : "memory");
}

/// Up to N bytes of key material. The unused tail is zero. It is wiped on destruction, on assignment and when
/// moved from. A copy is one more place that holds the key: make few.
template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::uint8_t> bytes) { assign(bytes); }
  Secret(const Secret& other) { assign(other.bytes()); }
  Secret(Secret&& other) noexcept {
    assign(other.bytes());
    other.clear();
  }
  Secret& operator=(const Secret& other) {
    if (this != &other) assign(other.bytes());
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      assign(other.bytes());
      other.clear();
    }
    return *this;
  }
  ~Secret() { clear(); }

  /// Takes the first N bytes of a longer input.
  void assign(std::span<const std::uint8_t> bytes) {
    clear();
    size_ = bytes.size() < N ? bytes.size() : N;
    if (size_ > 0) std::memcpy(bytes_.data(), bytes.data(), size_);
  }
  void clear() {
    wipe(bytes_.data(), N);
    size_ = 0;
  }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
  const std::uint8_t* data() const { return bytes_.data(); }
  std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  std::array<std::uint8_t, N> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace sluice::crypto
