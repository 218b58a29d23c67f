// log: the log of the daemon for its operators: one line for each entry, a sentence followed by key=value
// fields. It never contains keys or passwords. Every module of the control plane may log; this module depends
// on none of them. Control thread (workers never log; they count).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"

namespace sluice::control::log {

/// Sets the level, and opens settings.file if it is set. Without a file the log stays where it is, at first
/// on standard error. False with the reason in `error` when the file cannot be opened; then nothing changes.
[[nodiscard]] bool start(const config::Log& settings, std::string& error);

[[nodiscard]] bool is_enabled(config::LogLevel level);
void write(config::LogLevel level, std::string_view line);

/// `text` as the value of a field. Text with blanks or quotes is quoted and control characters are escaped,
/// so that text from a peer cannot start a new line.
[[nodiscard]] std::string value(std::string_view text);

template <typename... Args>
void at(config::LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  at(config::LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  at(config::LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  at(config::LogLevel::kWarning, format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  at(config::LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace sluice::control::log
