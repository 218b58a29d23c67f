// slot_array: a zeroed array of slots, aligned to pages and allocated once. It asks the kernel for
// transparent huge pages. Untouched slots use only address space. Any thread may make one. The header of each
// slot's layout says which thread may touch the slot.
#pragma once

#include <cassert>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace sluice::dataplane {

/// Zeroed anonymous memory that no core dump shows. Throws std::bad_alloc. REQUIRES: bytes != 0.
void* map_zeroed(std::size_t bytes);
void unmap(void* memory, std::size_t bytes);

template <typename T>
class SlotArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit SlotArray(std::size_t count)
      : slots_(count == 0 ? nullptr : static_cast<T*>(map_zeroed(count * sizeof(T)))), count_(count) {}
  ~SlotArray() {
    if (slots_ != nullptr) unmap(slots_, count_ * sizeof(T));
  }
  SlotArray(SlotArray&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  SlotArray(const SlotArray&) = delete;
  SlotArray& operator=(const SlotArray&) = delete;

  /// REQUIRES: i < size().
  T& operator[](std::size_t i) {
    assert(i < count_);
    return slots_[i];
  }
  const T& operator[](std::size_t i) const {
    assert(i < count_);
    return slots_[i];
  }
  std::size_t size() const { return count_; }

 private:
  T* slots_;
  std::size_t count_;
};

}  // namespace sluice::dataplane
