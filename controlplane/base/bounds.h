// bounds: what a number or a text may be, with the words that say so. A rule is one constant of these types,
// at its owner's; checks and descriptions read that constant. Pure values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::control {

/// Inclusive.
struct Range {
  std::int64_t min = 0;
  std::int64_t max = 0;

  [[nodiscard]] constexpr bool has(std::int64_t number) const { return number >= min && number <= max; }
  [[nodiscard]] std::string text() const;     // "1..14"
  [[nodiscard]] std::string allowed() const;  // "an integer 1..14"
};

/// ASCII letters, digits and some punctuation, so many of them.
struct TextRule {
  std::size_t min = 0;
  std::size_t max = 0;
  std::string_view punctuation;
  std::string_view name = {};  // of texts that have one: "an SDP token"; else the characters are told
  bool is_secret = false;      // never repeated in an error

  [[nodiscard]] bool fits(std::string_view text) const;
  [[nodiscard]] std::string allowed() const;  // "4..256 characters of A-Z a-z 0-9 + /"
  /// The text as an error shows it.
  [[nodiscard]] std::string found(std::string_view text) const;
};

/// In quotation marks on one line, other bytes than printable ASCII as \xNN, cut short when long.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace sluice::control
