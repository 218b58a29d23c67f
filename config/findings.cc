#include "config/findings.h"

#include <algorithm>
#include <utility>

namespace sluice::config {

Position Findings::position_of(const std::string& path) const {
  std::string at = path;
  while (true) {
    if (const auto place = places_.find(at); place != places_.end()) return place->second;
    const auto end = at.find_last_of(".[");
    if (end == std::string::npos) return {1, 1};
    at.resize(end);
  }
}

void Findings::add(Position at, const std::string& path, std::string found, std::string allowed) {
  bad_.insert(path);
  problems_.push_back({file_, at.line, at.column, path, std::move(found), std::move(allowed)});
}

void Findings::add(const std::string& path, std::string found, std::string allowed) {
  const bool from_file = is_set(path) || (path.ends_with(']') && is_set(path.substr(0, path.rfind('['))));
  add(position_of(path), path, from_file ? std::move(found) : found + " (the default)", std::move(allowed));
}

bool Findings::is_good(const std::string& path) const {
  if (bad_.contains(path)) return false;
  const auto item = bad_.lower_bound(path + "[");
  return item == bad_.end() || !item->starts_with(path + "[");
}

std::vector<Problem> Findings::take_problems() {
  std::ranges::stable_sort(problems_, {},
                           [](const Problem& problem) { return std::pair(problem.line, problem.column); });
  return std::move(problems_);
}

}  // namespace sluice::config
