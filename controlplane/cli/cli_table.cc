#include "controlplane/cli/cli_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace sluice::control::cli {
namespace {

constexpr std::string_view kGap = "  ";

/// Three significant digits, with a prefix for each factor of 1000.
std::string scaled(double value, std::string_view blank, std::string_view unit) {
  constexpr std::array<std::string_view, 6> kPrefixes{"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const int decimals = prefix == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}{}{}", value, decimals, blank, kPrefixes[prefix], unit);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i]));
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = printable(cell_of(i));
      const std::string padding(widths[i] - display_width(cell), ' ');
      if (i > 0) line += kGap;
      line += columns_[i].align == Align::kRight ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add_line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) add_line([&](std::size_t i) { return row[i]; });
  return text;
}

std::string human_count(std::uint64_t count) {
  return scaled(static_cast<double>(count), "", "");
}
std::string human_bytes(std::uint64_t bytes) {
  return scaled(static_cast<double>(bytes), " ", "B");
}
std::string human_bitrate(double bits_per_s) {
  return scaled(bits_per_s, " ", "bit/s");
}
std::string human_share(double share) {
  return fmt::format("{:.1f}%", share * 100);
}

std::string human_ms(double ms) {
  if (ms < 9.95) return fmt::format("{:.1f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 99950) return fmt::format("{:.1f} s", ms / 1000);
  return fmt::format("{:.0f} min", ms / 60000);
}

}  // namespace sluice::control::cli
