// forms: the kinds of value that a setting can have. A form knows the name of its type, what it allows, how
// to read and check one value of the document, and how to print a value. Used by settings.cc alone.
// Stateless, control thread.
//
// Each form F of a member type T has these members, all const:
//
//   std::string type()                       "integer"
//
//   std::string allowed()                    "1280..1500"
//
//   void read(const Node&, T&, Mismatches&)  sets T, or adds a mismatch; a bad item of a list keeps its place
//
//   std::string print(const T&)              the value as TOML writes it
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/document.h"

namespace sluice::config {

/// What is wrong with one value, or with one item of it. For an item `suffix` is its index: "[2]".
struct Mismatch {
  Position at;
  std::string suffix;
  std::string found;
  std::string allowed;
};
using Mismatches = std::vector<Mismatch>;

inline std::string range_text(Range range) {
  return std::to_string(range.min) + ".." + std::to_string(range.max);
}

/// As TOML writes it: in quotes, with what would end or change them escaped. REQUIRES: no control characters.
std::string toml_string(std::string_view text);

struct IntegerForm {
  Range range;

  std::string type() const { return "integer"; }
  std::string allowed() const { return range_text(range); }
  template <std::unsigned_integral T>
  void read(const Node& node, T& out, Mismatches& mismatches) const {
    if (node.kind != Node::Kind::kInteger)
      mismatches.push_back({node.position, "", describe(node), "an integer, " + allowed()});
    else if (node.integer < range.min || node.integer > range.max)
      mismatches.push_back({node.position, "", describe(node), allowed()});
    else
      out = static_cast<T>(node.integer);
  }
  template <std::unsigned_integral T>
  std::string print(T value) const {
    return std::to_string(value);
  }
};

/// An enumeration, written as a string. The choices are in the order of the help text.
template <typename Enum>
struct ChoiceForm {
  std::vector<std::pair<std::string_view, Enum>> choices;

  std::string type() const { return "string"; }
  std::string allowed() const {
    std::string names;
    for (const auto& choice : choices)
      names += (names.empty() ? "\"" : ", \"") + std::string(choice.first) + "\"";
    return names;
  }
  void read(const Node& node, Enum& out, Mismatches& mismatches) const {
    for (const auto& [name, value] : choices) {
      if (node.kind != Node::Kind::kString || node.text != name) continue;
      out = value;
      return;
    }
    mismatches.push_back({node.position, "", describe(node), allowed()});
  }
  std::string print(Enum value) const {
    for (const auto& choice : choices)
      if (choice.second == value) return "\"" + std::string(choice.first) + "\"";
    return "\"\"";
  }
};

/// Free text with a rule. `what` says in words what the rule accepts.
struct TextForm {
  std::string what;
  bool (*accepts)(std::string_view);

  std::string type() const { return "string"; }
  std::string allowed() const { return what; }
  void read(const Node& node, std::string& out, Mismatches& mismatches) const {
    if (node.kind != Node::Kind::kString)
      mismatches.push_back({node.position, "", describe(node), "a string: " + allowed()});
    else if (!accepts(node.text))
      mismatches.push_back({node.position, "", describe(node), allowed()});
    else
      out = node.text;
  }
  std::string print(const std::string& value) const { return toml_string(value); }
};

/// A file mode in octal: "0600".
struct ModeForm {
  std::string type() const { return "string"; }
  std::string allowed() const { return "octal mode bits, \"0000\"..\"0777\""; }
  void read(const Node& node, std::uint16_t& out, Mismatches& mismatches) const;
  std::string print(std::uint16_t value) const;
};

/// An optional address of one family.
struct AddressForm {
  IpFamily family;

  std::string type() const { return "string"; }
  std::string allowed() const;
  void read(const Node& node, std::optional<IpAddress>& out, Mismatches& mismatches) const;
  std::string print(const std::optional<IpAddress>& value) const;
};

/// An address of an interface with the length of its on-link prefix.
struct PrefixForm {
  std::string type() const { return "string"; }
  std::string allowed() const { return "a unicast host address with its prefix length, \"198.18.0.1/15\""; }
  void read(const Node& node, IpPrefix& out, Mismatches& mismatches) const;
  std::string print(const IpPrefix& value) const { return "\"" + value.to_string() + "\""; }
};

/// An array of distinct values of another form.
template <typename Item>
struct ListForm {
  Item item;
  std::string items;  // the items in the plural: "addresses"
  Range count;

  std::string type() const { return "array of " + item.type() + "s"; }
  std::string allowed() const { return range_text(count) + " " + items + ", each " + item.allowed(); }

  template <typename T>
  void read(const Node& node, std::vector<T>& out, Mismatches& mismatches) const {
    if (node.kind != Node::Kind::kArray) {
      mismatches.push_back({node.position, "", describe(node), "an array of " + allowed()});
      return;
    }
    const auto size = static_cast<std::int64_t>(node.items.size());
    if (size < count.min || size > count.max) {
      mismatches.push_back({node.position, "", describe(node), allowed()});
      if (size > count.max) return;  // do not report a thousand items too
    }
    out.assign(node.items.size(), T{});
    std::vector<bool> good(node.items.size(), false);
    for (std::size_t i = 0; i < node.items.size(); ++i) good[i] = read_item(node, i, good, out, mismatches);
  }

  template <typename T>
  std::string print(const std::vector<T>& values) const {
    std::string text;
    for (const T& value : values) text += (text.empty() ? "" : ", ") + item.print(value);
    return "[" + text + "]";
  }

 private:
  template <typename T>
  [[nodiscard]] bool read_item(const Node& node, std::size_t i, const std::vector<bool>& good,
                               std::vector<T>& out, Mismatches& mismatches) const {
    const std::string suffix = "[" + std::to_string(i) + "]";
    Mismatches of_item;
    item.read(node.items[i], out[i], of_item);
    for (std::size_t earlier = 0; of_item.empty() && earlier < i; ++earlier) {
      if (!good[earlier] || out[earlier] != out[i]) continue;
      of_item.push_back({node.items[i].position, "",
                         describe(node.items[i]) + ", the same as item " + std::to_string(earlier),
                         "distinct " + items});
    }
    for (Mismatch& mismatch : of_item) {
      mismatch.suffix = suffix;
      mismatches.push_back(std::move(mismatch));
    }
    return of_item.empty();
  }
};

}  // namespace sluice::config
