// schedule: the order in which streams send, in proportion to their rates and evenly interleaved, as one list
// that is walked round and round. Made once; constant afterwards.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::gen {

/// Each stream comes at least once; the list has at most about `longest` entries (or one per stream, where
/// there are more streams).
std::vector<std::uint32_t> make_schedule(const std::vector<double>& rates, std::size_t longest = 1 << 20);

}  // namespace sluice::gen
