#include "config/edit_distance.h"

#include <algorithm>
#include <vector>

namespace sluice::config {
namespace {

char normal(char c) {
  if (c == '-') return '_';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = normal(a[i - 1]) == normal(b[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && normal(a[i - 1]) == normal(b[j - 2]) && normal(a[i - 2]) == normal(b[j - 1]);
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

bool NearestName::offer(std::string_view known) {
  constexpr std::size_t kLongestName =
      32;  // longer names are not compared, as the work grows with the length
  if (unknown_.size() > kLongestName || known.size() > kLongestName) return false;
  const std::size_t edits = edit_distance(unknown_, known);
  if (2 * edits >= known.size() || edits >= best_) return false;
  best_ = edits;
  return true;
}

}  // namespace sluice::config
