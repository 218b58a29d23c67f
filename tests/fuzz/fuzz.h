// fuzz: helpers for all fuzz targets: a check that ends the process, and a reader of inputs.
//
// A target is one file with LLVMFuzzerTestOneInput. It must give the same result for the same bytes each
// time, so it keeps no state from one input to the next. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] inline void fail(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  std::abort();
}

/// Active in every build. libFuzzer and the replay report the abort as a failure.
#define FUZZ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::fuzz::fail(#condition, __FILE__, __LINE__))

/// True when `part`, a view that a parser returned, lies within the parser's input `whole`. An empty view may
/// lie anywhere.
inline bool is_inside(std::span<const std::uint8_t> part, std::span<const std::uint8_t> whole) {
  if (part.empty()) return true;
  return part.data() >= whole.data() && part.size() <= whole.size() &&
         static_cast<std::size_t>(part.data() - whole.data()) <= whole.size() - part.size();
}

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// True for one line without control characters.
inline bool is_printable_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// Reads numbers and pieces from the front of an input. Past the end it returns zero or empty pieces.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  /// Most significant byte first.
  std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  /// At most `length` bytes, copied to memory of exactly that size, so that AddressSanitizer sees each read
  /// past their end.
  Bytes take(std::size_t length) {
    const auto piece = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return Bytes(piece.begin(), piece.end());
  }
  /// A piece that has its length in front, as two bytes.
  Bytes piece() { return take(u16()); }
  std::span<const std::uint8_t> rest() const { return rest_; }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace sluice::fuzz
