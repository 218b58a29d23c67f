// bounds: the values that a number or a text may have, and the words for them. A rule is one constant of
// these types, in the header of its owner. Checks, help and error messages all use that constant. Pure
// values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::control {

/// Both ends are inclusive.
struct Range {
  std::int64_t min = 0;
  std::int64_t max = 0;

  [[nodiscard]] constexpr bool has(std::int64_t number) const { return number >= min && number <= max; }
  [[nodiscard]] std::string text() const;     // "1..14"
  [[nodiscard]] std::string allowed() const;  // "an integer 1..14"
};

/// `min` to `max` characters: ASCII letters, digits and the given punctuation.
struct TextRule {
  std::size_t min = 0;
  std::size_t max = 0;
  std::string_view punctuation;
  std::string_view name = {};  // a name for the text: "an SDP token"; else the characters are listed
  bool is_secret = false;      // never repeated in an error

  [[nodiscard]] bool fits(std::string_view text) const;
  [[nodiscard]] std::string allowed() const;  // "4..256 characters of A-Z a-z 0-9 + /"
  /// The text as an error shows it.
  [[nodiscard]] std::string found(std::string_view text) const;
};

/// The text in quotation marks on one line, cut if long. Bytes other than printable ASCII become \xNN.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace sluice::control
