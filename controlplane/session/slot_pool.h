// slot_pool: which slots of one table of a worker are free, and the generation of each tenant. A slot returns
// here only after the worker has acknowledged the removal. The slot that was freed last is reused first: its
// memory is still in the CPU's caches, and unused memory stays untouched. This is safe, because a stale
// reference has another generation. Control thread only.
//
// Memory grows with the highest slot in use and never shrinks. Generation 0 is never given, since zeroed
// memory has it.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/base/slot_ref.h"

namespace sluice::control {

class SlotPool {
 public:
  explicit SlotPool(std::size_t capacity) : capacity_(capacity) {}

  /// nullopt when every slot is taken.
  [[nodiscard]] std::optional<dataplane::SlotRef> acquire() {
    std::uint32_t slot;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else if (tenants_.size() < capacity_) {
      slot = static_cast<std::uint32_t>(tenants_.size());
      tenants_.push_back({});
    } else {
      return std::nullopt;
    }
    Tenant& tenant = tenants_[slot];
    if (++tenant.generation == 0) tenant.generation = 1;
    tenant.used = true;
    return dataplane::SlotRef{slot, tenant.generation};
  }

  /// False when `ref` is not the present tenant (a second release, or a stale reference); then nothing
  /// changes.
  [[nodiscard]] bool release(dataplane::SlotRef ref) {
    if (!holds(ref)) return false;
    tenants_[ref.slot].used = false;
    free_.push_back(ref.slot);
    return true;
  }

  /// Whether `ref` is the present tenant of its slot.
  [[nodiscard]] bool holds(dataplane::SlotRef ref) const {
    return ref.slot < tenants_.size() && tenants_[ref.slot].used &&
           tenants_[ref.slot].generation == ref.generation;
  }

  std::size_t capacity() const { return capacity_; }
  std::size_t used() const { return tenants_.size() - free_.size(); }
  /// The first slot that was never given.
  std::size_t high_water() const { return tenants_.size(); }

 private:
  struct Tenant {
    std::uint32_t generation = 0;
    bool used = false;
  };
  std::size_t capacity_;
  std::vector<Tenant> tenants_;
  std::vector<std::uint32_t> free_;
};

/// A slot that returns to its pool unless it is committed. The pool outlives the lease.
class SlotLease {
 public:
  /// nullopt when every slot is taken.
  [[nodiscard]] static std::optional<SlotLease> take(SlotPool& pool) {
    const auto ref = pool.acquire();
    if (!ref) return std::nullopt;
    return SlotLease(pool, *ref);
  }
  SlotLease(SlotLease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), ref_(other.ref_) {}
  SlotLease& operator=(SlotLease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ref_, other.ref_);
    return *this;
  }
  ~SlotLease() {
    if (pool_ == nullptr) return;
    [[maybe_unused]] const bool was_taken = pool_->release(ref_);
    assert(was_taken);
  }

  [[nodiscard]] dataplane::SlotRef ref() const { return ref_; }
  /// The slot stays taken.
  void commit() { pool_ = nullptr; }

 private:
  SlotLease(SlotPool& pool, dataplane::SlotRef ref) : pool_(&pool), ref_(ref) {}

  SlotPool* pool_;  // nullptr: committed, or moved from
  dataplane::SlotRef ref_;
};

}  // namespace sluice::control
