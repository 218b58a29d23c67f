// spsc_ring: a bounded queue between exactly one producer thread and one consumer thread. Entries are copied.
// Only the constructor allocates. When the ring is full, push() returns false and the caller keeps the entry.
//
// The producer's index and the consumer's index have separate cache lines. Each side also keeps a copy of the
// other side's index, and reads the real one only when the copy says that the ring is full or empty.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace sluice::dataplane {

template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// Space for at least `capacity` entries, rounded up to a power of two.
  explicit SpscRing(std::size_t capacity)
      : mask_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1), entries_(new T[mask_ + 1]) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  std::size_t capacity() const { return mask_ + 1; }

  /// Producer only. False when full.
  [[nodiscard]] bool push(const T& entry) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ > mask_) return false;
    }
    entries_[tail & mask_] = entry;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Producer only: the number of entries that push() will still take.
  [[nodiscard]] std::size_t free_entries() {
    cached_head_ = head_.load(std::memory_order_acquire);
    return mask_ + 1 - (tail_.load(std::memory_order_relaxed) - cached_head_);
  }

  /// Consumer only. False when empty.
  [[nodiscard]] bool pop(T& entry) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) return false;
    }
    entry = entries_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Consumer only: whether pop() would find nothing.
  [[nodiscard]] bool empty() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) cached_tail_ = tail_.load(std::memory_order_acquire);
    return head == cached_tail_;
  }

  /// Any thread. The result may be outdated at once. Entries that are pushed and popped between the two loads
  /// would count, so the result is limited to the capacity.
  std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    return std::min(tail_.load(std::memory_order_acquire) - head, capacity());
  }

 private:
  const std::size_t mask_;
  const std::unique_ptr<T[]> entries_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // written by the producer
  std::size_t cached_head_ = 0;                   // of the producer
  alignas(64) std::atomic<std::size_t> head_{0};  // written by the consumer
  std::size_t cached_tail_ = 0;                   // of the consumer
};

}  // namespace sluice::dataplane
