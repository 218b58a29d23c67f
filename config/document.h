// document: a configuration file as a tree of values, each with its place in the file. The TOML reader makes
// it and the loader reads it, so that only one file knows the TOML library. Plain values, control thread.
//
// Invariant: the tree is at most kMaxDepth levels deep. The reader cuts off what is deeper in the file; no
// setting is there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problem.h"

namespace sluice::config {

inline constexpr int kMaxDepth = 6;

struct Member;

/// One value. Only the field of its kind is set.
struct Node {
  enum class Kind : std::uint8_t { kBoolean, kInteger, kFloat, kString, kDateTime, kArray, kTable };

  Kind kind = Kind::kTable;
  Position position;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<Node> items;      // kArray
  std::vector<Member> members;  // kTable

  /// nullptr where the table has no such key. The node owns the member.
  const Member* find(std::string_view key) const;
};

struct Member {
  std::string key;
  Position key_position;
  Node value;
};

/// The value as an error message shows it: `9000`, `"abc"`, `an array of 3`. Short, printable, on one line.
std::string describe(const Node& node);

/// `text` with control characters escaped, and cut after max_bytes. Safe for a terminal, whatever the file
/// contains.
std::string printable(std::string_view text, std::size_t max_bytes = 64);

/// The same in quotes, cut after 64 bytes.
std::string quoted(std::string_view text);

/// The key of a member as a TOML file writes it: in quotes unless it is a bare key. Printable, on one line.
std::string key_text(std::string_view key);

/// Parses TOML 1.0. It stops at the first syntax error, and returns that problem with its place.
std::variant<Node, Problem> read_toml(std::string_view text, std::string_view file_name);

}  // namespace sluice::config
