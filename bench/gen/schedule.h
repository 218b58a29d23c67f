// schedule: the order in which streams send, in proportion to their rates and evenly interleaved. It is one
// list that the source repeats. Made once, constant afterwards. Pure function.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::gen {

/// Each stream is in the list at least once. The list has about `longest` entries at most, or one per stream
/// if there are more streams.
std::vector<std::uint32_t> make_schedule(const std::vector<double>& rates, std::size_t longest = 1 << 20);

}  // namespace sluice::gen
