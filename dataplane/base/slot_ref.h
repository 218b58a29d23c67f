// slot_ref: the index of a slot in one of a worker's tables, with the generation that tells its present use
// from an earlier one. Commands and notes name a slot by SlotRef, never by pointer. Plain values, any thread.
#pragma once

#include <cstdint>

namespace sluice::dataplane {

inline constexpr std::uint32_t kNoSlot = 0xffffffff;

struct SlotRef {
  std::uint32_t slot = kNoSlot;
  std::uint32_t generation = 0;

  bool valid() const { return slot != kNoSlot; }
  bool operator==(const SlotRef&) const = default;
};

}  // namespace sluice::dataplane
