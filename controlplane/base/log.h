// log: what the daemon tells its operators, a line each: a sentence for people with key=value fields behind
// it. Keys and passwords are never among them. Any part of the control plane may log: this knows nothing of
// the daemon. Control thread (workers never log; they count).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"

namespace sluice::control::log {

/// To standard error until this is called. False with the reason in `error` when the file cannot be opened.
[[nodiscard]] bool start(const config::Log& settings, std::string& error);

[[nodiscard]] bool is_enabled(config::LogLevel level);
void write(config::LogLevel level, std::string_view line);

/// `text` as the value of a field: quoted where it holds blanks or quotes, with control characters escaped,
/// so that nothing that a peer says can make a line of its own.
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
