#include "controlplane/base/bounds.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::control {
namespace {

constexpr std::size_t kMaxQuoted = 80;

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string Range::text() const {
  return fmt::format("{}..{}", min, max);
}

std::string Range::allowed() const {
  return "an integer " + text();
}

bool TextRule::fits(std::string_view text) const {
  return text.size() >= min && text.size() <= max && std::all_of(text.begin(), text.end(), [this](char c) {
           return is_alphanumeric(c) || punctuation.find(c) != std::string_view::npos;
         });
}

std::string TextRule::allowed() const {
  if (!name.empty()) return fmt::format("{} of {}..{} characters", name, min, max);
  std::string text = fmt::format("{}..{} characters of A-Z a-z 0-9", min, max);
  for (const char c : punctuation) text.append(" ").push_back(c);
  return text;
}

std::string TextRule::found(std::string_view text) const {
  return is_secret ? fmt::format("a string of {} bytes", text.size()) : quoted(text);
}

std::string quoted(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text) {
    if (shown.size() >= kMaxQuoted) return shown + "...";
    if (c == '"' || c == '\\')
      shown.append("\\").push_back(c);
    else if (c >= 0x20 && c < 0x7f)
      shown.push_back(c);
    else
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return shown + "\"";
}

}  // namespace sluice::control
