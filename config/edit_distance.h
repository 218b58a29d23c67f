// edit_distance: how far a name that is unknown is from one that is known, to say what may have been meant.
// Pure function, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::config {

/// Edits (insert, delete, replace, swap of neighbours) from one name to the other. Case and '-' for '_' are
/// free. Time and memory grow with the product of the lengths: both are short.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace sluice::config
