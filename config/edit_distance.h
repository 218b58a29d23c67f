// edit_distance: how much two names differ. The loader uses it to suggest a known name for an unknown one.
// Pure function, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::config {

/// The number of edits (insert, delete, replace, swap of neighbours) from one name to the other. A difference
/// in case, or between '-' and '_', is no edit. Time and memory grow with the product of the lengths, so give
/// it short names.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace sluice::config
