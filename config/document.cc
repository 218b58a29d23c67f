#include "config/document.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice::config {

namespace {

constexpr std::size_t kShownBytes = 64;

// Escapes what a terminal would execute: C0, DEL and the C1 controls (U+0080..U+009F, in UTF-8 c2 80..c2 9f).
void append_escaped(std::string& out, std::string_view text, bool in_quotes) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    std::array<char, 8> escape{};
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      out += escape.data();
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      std::snprintf(escape.data(), escape.size(), "\\u%04x", next);
      out += escape.data();
      ++i;
    } else {
      if (in_quotes && (byte == '"' || byte == '\\')) out += '\\';
      out += text[i];
    }
  }
}

// Cuts between UTF-8 characters.
std::string_view shortened(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

const Member* Node::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &*found;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, shortened(text, kShownBytes), true);
  out += '"';
  if (text.size() > kShownBytes) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  append_escaped(out, shortened(text, max_bytes), false);
  return text.size() > max_bytes ? out + "..." : out;
}

std::string key_text(std::string_view key) {
  const bool is_bare = !key.empty() && key.find_first_not_of(
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_-") == std::string_view::npos;
  return is_bare ? printable(key) : quoted(key);
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kBoolean:
      return node.boolean ? "true" : "false";
    case Node::Kind::kInteger:
      return std::to_string(node.integer);
    case Node::Kind::kFloat: {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "the fraction %g", node.real);
      return text.data();
    }
    case Node::Kind::kString:
      return quoted(node.text);
    case Node::Kind::kDateTime:
      return "a date or time";
    case Node::Kind::kArray:
      return node.items.empty() ? "an empty array" : "an array of " + std::to_string(node.items.size());
    case Node::Kind::kTable:
      return "a table";
  }
  return "nothing";
}

}  // namespace sluice::config
