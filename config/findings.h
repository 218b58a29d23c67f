// findings: what the loader knows about a file besides the values: the problems so far, where each key
// stands, and which keys are not to be trusted, so that a rule over several keys does not report the
// consequences of an error twice. Used while one file is loaded, control thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace sluice::config {

/// Paths are as in Problem::key: "media.port_min", "ports[0].addresses[1]".
class Findings {
 public:
  explicit Findings(std::string_view file_name) : file_(file_name) {}

  /// The key (or table, or item) stands in the file, here.
  void place(const std::string& path, Position position) { places_[path] = position; }
  [[nodiscard]] bool is_set(const std::string& path) const { return places_.contains(path); }

  /// Where the key stands; if it is not in the file, where its table stands; else the start of the file.
  Position position_of(const std::string& path) const;

  void add(Position at, const std::string& path, std::string found, std::string allowed);
  /// As above, where the key stands. A key that is absent is said to have its default.
  void add(const std::string& path, std::string found, std::string allowed);

  /// Marks a key as bad without a problem of its own.
  void distrust(const std::string& path) { bad_.insert(path); }

  /// No problem was found with this key, nor with an item of it.
  [[nodiscard]] bool is_good(const std::string& path) const;

  /// In file order. The findings are spent.
  std::vector<Problem> take_problems();

 private:
  std::string file_;
  std::map<std::string, Position> places_;
  std::set<std::string> bad_;
  std::vector<Problem> problems_;
};

}  // namespace sluice::config
