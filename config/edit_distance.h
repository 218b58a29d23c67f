// edit_distance: how much two names differ. The loader and sluicectl use it to suggest a known name for an
// unknown one. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::config {

/// The number of edits (insert, delete, replace, swap of neighbours) from one name to the other. A difference
/// in case, or between '-' and '_', is no edit. Time and memory grow with the product of the lengths, so give
/// it short names.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// Finds the known name that an unknown one probably stands for: at most two edits away, and fewer than half
/// of its letters.
class NearestName {
 public:
  explicit NearestName(std::string_view unknown) : unknown_(unknown) {}

  /// Whether `known` is similar, and more so than all before it.
  bool offer(std::string_view known);

 private:
  static constexpr std::size_t kMostEdits = 2;

  std::string_view unknown_;
  std::size_t best_ = kMostEdits + 1;
};

}  // namespace sluice::config
