// findings: what the loader knows of a file besides the values: the problems so far, the place of each key,
// and the keys that are bad. A rule over several settings skips the bad ones, so that it does not report the
// consequences of an error as a second one. For one load of one file, control thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace sluice::config {

/// Paths are those of Problem::key: "media.port_min", "ports[0].addresses[1]".
class Findings {
 public:
  explicit Findings(std::string_view file_name) : file_(file_name) {}

  /// Notes that the file has this key (or table, or item), and where.
  void place(const std::string& path, Position position) { places_[path] = position; }
  [[nodiscard]] bool is_set(const std::string& path) const { return places_.contains(path); }

  /// The place of the key. Without one, that of its table; without that, the start of the file.
  Position position_of(const std::string& path) const;

  void add(Position at, const std::string& path, std::string found, std::string allowed);
  /// The same at the place of the key. Where the file has no such key, the problem says that this is the
  /// default.
  void add(const std::string& path, std::string found, std::string allowed);

  /// Marks a key as bad without adding a problem.
  void distrust(const std::string& path) { bad_.insert(path); }

  /// Whether neither the key nor an item of it has a problem.
  [[nodiscard]] bool is_good(const std::string& path) const;

  /// The problems in file order. Call it once, at the end.
  std::vector<Problem> take_problems();

 private:
  std::string file_;
  std::map<std::string, Position> places_;
  std::set<std::string> bad_;
  std::vector<Problem> problems_;
};

}  // namespace sluice::config
