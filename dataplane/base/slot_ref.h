// slot_ref: a place in one of a worker's preallocated tables, with the generation that tells its present
// tenant from an earlier one. What crosses between the planes is always a SlotRef, never a pointer. Any
// thread.
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
