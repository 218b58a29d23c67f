// load: reads a TOML file into a Config, or returns all problems of the file at once, in file order. Control
// thread, at start and at reload. It reads the file and changes nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"
#include "config/host.h"
#include "config/problem.h"

namespace sluice::config {

inline constexpr std::size_t kMaxFileBytes = std::size_t{1024} * 1024;

/// A vector of problems is never empty.
using Loaded = std::variant<Config, std::vector<Problem>>;

Loaded load_file(const std::string& path, const Host& host);

/// `file_name` only serves as the name in problems.
Loaded load_text(std::string_view text, std::string_view file_name, const Host& host);

}  // namespace sluice::config
