// entry_pool: a fixed number of entries, of which each is in use or free. The queues of a worker keep their
// lists in one, so that a long list may take what a short one does not need. Worker only; only the
// constructor allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/slot_array.h"
#include "dataplane/base/slot_ref.h"

namespace sluice::dataplane {

/// `Entry` has a member `std::uint32_t next`, which is the owner's while the entry is in use.
template <typename Entry>
class EntryPool {
 public:
  /// REQUIRES: capacity < kNoSlot.
  explicit EntryPool(std::size_t capacity) : entries_(capacity) {}

  bool empty() const { return in_use_ == 0; }
  bool full() const { return in_use_ == entries_.size(); }
  /// Entries in use.
  std::size_t size() const { return in_use_; }

  Entry& operator[](std::uint32_t slot) { return entries_[slot]; }
  const Entry& operator[](std::uint32_t slot) const { return entries_[slot]; }

  /// An entry with what was last in it. REQUIRES: !full().
  [[nodiscard]] std::uint32_t take() {
    ++in_use_;
    if (free_ == kNoSlot) return high_water_++;
    const std::uint32_t slot = free_;
    free_ = entries_[slot].next;
    return slot;
  }
  /// REQUIRES: the entry is in use.
  void give_back(std::uint32_t slot) {
    entries_[slot].next = free_;
    free_ = slot;
    --in_use_;
  }

 private:
  SlotArray<Entry> entries_;
  std::size_t in_use_ = 0;
  std::uint32_t free_ = kNoSlot;  // list through Entry::next; when empty, high_water_ is free
  std::uint32_t high_water_ = 0;
};

}  // namespace sluice::dataplane
