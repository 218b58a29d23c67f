// support: a host with eight CPUs and IPv6, the smallest configuration that loads, and functions that load a
// text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace sluice::config {

inline Host eight_cpus() {
  return {{0, 1, 2, 3, 4, 5, 6, 7}, true};
}

/// Three lines. Text that a test appends begins on line 4, in the table of the port.
inline const std::string kLeast =
    "[[ports]]\n"
    "device = \"net_tap0\"\n"
    "addresses = [\"198.18.0.1/15\"]\n";

inline std::vector<Problem> problems_of(const Loaded& loaded) {
  const auto* problems = std::get_if<std::vector<Problem>>(&loaded);
  return problems == nullptr ? std::vector<Problem>{} : *problems;
}

/// The text of each problem, for a file named "f".
inline std::vector<std::string> errors_in(std::string_view text, const Host& host = eight_cpus()) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems_of(load_text(text, "f", host))) lines.push_back(to_string(problem));
  return lines;
}

/// The configuration. When it does not load, the test fails and gets the defaults.
inline Config config_of(std::string_view text, const Host& host = eight_cpus()) {
  Loaded loaded = load_text(text, "f", host);
  for (const Problem& problem : problems_of(loaded)) ADD_FAILURE() << to_string(problem);
  return std::holds_alternative<Config>(loaded) ? std::get<Config>(loaded) : Config{};
}

}  // namespace sluice::config
