// cli_table: aligned text tables, and numbers with units, for sluicectl. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::control::cli {

enum class Align : std::uint8_t { kLeft, kRight };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// REQUIRES: one cell for each column.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// The table with two blanks between columns and none at the end of a line. Cells are made printable.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string human_count(std::uint64_t count);  // 999, 12.3k, 4.56M
std::string human_bytes(std::uint64_t bytes);  // 999 B, 12.3 kB, 4.56 MB
std::string human_bitrate(double bits_per_s);  // 64.0 kbit/s
std::string human_ms(double ms);               // 0.8 ms, 35 ms, 1.2 s, 3 min
std::string human_share(double share);         // 12.3%

/// The number of columns that a terminal needs for `text`, for ASCII or simple UTF-8.
std::size_t display_width(std::string_view text);
/// `text` on one line, with control characters (C0, DEL, C1) and bytes that are not UTF-8 written as \xNN, so
/// that the API's answers cannot control a terminal.
std::string printable(std::string_view text);
/// The same for a text of several lines: line feeds stay.
std::string printable_lines(std::string_view text);

}  // namespace sluice::control::cli
