// line_buffer: cuts the bytes of a stream into lines of bounded length. It holds at most one line that is too
// long, and the bytes of one read. Each connection has its own. Any thread, but one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::control {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  /// Adds the bytes of one read. Lines that next() returned before become invalid.
  void append(std::string_view bytes) {
    if (begin_ > 0) {  // once per read, not per line
      const std::size_t rest = bytes_.size() - begin_;
      std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), bytes_.end(), bytes_.begin());
      std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(rest), bytes_.end(), '\0');  // old keys
      bytes_.resize(rest);
      searched_ -= begin_;
      begin_ = wiped_ = 0;
    }
    bytes_.append(bytes);
  }

  /// The next whole line without its line feed; valid until append(). nullopt when no whole line is there.
  std::optional<std::string_view> next() {
    const std::size_t end = bytes_.find('\n', std::max(begin_, searched_));
    if (end == std::string::npos) {
      searched_ = bytes_.size();
      return std::nullopt;
    }
    const std::string_view line = std::string_view(bytes_).substr(begin_, end - begin_);
    begin_ = end + 1;
    searched_ = begin_;
    return line;
  }

  /// Wipes the lines that next() has returned; they become invalid. They may hold keys.
  void wipe_taken() {
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(wiped_),
              bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), '\0');
    wiped_ = begin_;
  }
  /// The start of a line without its end. REQUIRES: next() returned nullopt.
  std::string_view rest() const { return std::string_view(bytes_).substr(begin_); }
  bool rest_is_too_long() const { return rest().size() > max_line_bytes_; }
  std::size_t max_line_bytes() const { return max_line_bytes_; }

 private:
  std::size_t max_line_bytes_;
  std::string bytes_;
  std::size_t begin_ = 0;     // start of the first line not taken yet
  std::size_t wiped_ = 0;     // begin_ at the last wipe_taken()
  std::size_t searched_ = 0;  // no line feed between begin_ and here
};

}  // namespace sluice::control
