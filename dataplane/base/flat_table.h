// flat_table: a hash table from a small key to a 32-bit slot: open addressing with linear probing and
// backward-shift deletion. Only the constructor allocates; a full table refuses new keys. One thread owns it.
// Most look-ups touch one cache line.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/base/slot_ref.h"

namespace sluice::dataplane {

/// Key: trivially copyable with == and `std::uint64_t hash() const` (well mixed).
template <typename Key>
class FlatTable {
 public:
  /// Holds up to `capacity` entries at a load factor of at most one half.
  explicit FlatTable(std::size_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(capacity * 2 < 16 ? std::size_t{16} : capacity * 2) - 1),
        entries_(mask_ + 1) {}

  std::size_t size() const { return size_; }

  /// kNoSlot when absent.
  std::uint32_t find(const Key& key) const {
    for (std::size_t i = key.hash() & mask_;; i = (i + 1) & mask_) {
      const Entry& entry = entries_[i];
      if (entry.slot == kNoSlot) return kNoSlot;
      if (entry.key == key) return entry.slot;
    }
  }

  void prefetch(const Key& key) const { __builtin_prefetch(&entries_[key.hash() & mask_]); }

  /// Adds the key, or replaces its slot. False when the table is full. REQUIRES: slot is not kNoSlot.
  [[nodiscard]] bool insert(const Key& key, std::uint32_t slot) {
    std::size_t i = key.hash() & mask_;
    for (; entries_[i].slot != kNoSlot; i = (i + 1) & mask_) {
      if (entries_[i].key == key) {
        entries_[i].slot = slot;
        return true;
      }
    }
    if (size_ == capacity_) return false;
    entries_[i] = {key, slot};
    ++size_;
    return true;
  }

  /// False when the key is absent.
  bool erase(const Key& key) {
    std::size_t hole = key.hash() & mask_;
    for (; !(entries_[hole].slot != kNoSlot && entries_[hole].key == key); hole = (hole + 1) & mask_)
      if (entries_[hole].slot == kNoSlot) return false;
    // Moves later entries of the probe chain back, so that no look-up ends at the hole.
    for (std::size_t i = (hole + 1) & mask_; entries_[i].slot != kNoSlot; i = (i + 1) & mask_) {
      const std::size_t home = entries_[i].key.hash() & mask_;
      if (((i - home) & mask_) >= ((i - hole) & mask_)) {
        entries_[hole] = entries_[i];
        hole = i;
      }
    }
    entries_[hole].slot = kNoSlot;
    --size_;
    return true;
  }

 private:
  struct Entry {
    Key key{};
    std::uint32_t slot = kNoSlot;
  };
  std::size_t capacity_;
  std::size_t mask_;
  std::size_t size_ = 0;
  std::vector<Entry> entries_;
};

/// Finalizer of MurmurHash3: every input bit affects every output bit.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

}  // namespace sluice::dataplane
