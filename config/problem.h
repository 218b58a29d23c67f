// problem: one thing that is wrong with a configuration file, said so that an operator can correct it without
// a manual. Plain values, any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace sluice::config {

/// A place in a file, counted from 1. The column counts characters, not bytes. {0, 0} means the whole file.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  auto operator<=>(const Position&) const = default;
};

struct Problem {
  std::string file;
  std::uint32_t line = 0;  // 0: the whole file, for example one that cannot be opened
  std::uint32_t column = 0;
  std::string key;      // "media.port_min", "ports[0].addresses[1]"
  std::string found;    // what the file has there
  std::string allowed;  // what it may have there

  bool operator==(const Problem&) const = default;
};

/// `file:line:column: key: found X; allowed: Y`, on one line. `file: key: ...` for the whole file.
std::string to_string(const Problem& problem);

}  // namespace sluice::config
