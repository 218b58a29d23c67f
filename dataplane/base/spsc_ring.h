// spsc_ring: a bounded queue between exactly one producer thread and one consumer thread. Entries go by
// value. Memory is allocated once, at construction. Full is an answer, not an error: push() says false and
// nothing is lost that the caller does not lose. Producer's and consumer's indices live on cache lines of
// their own, each with a cached copy of the other's, so that an uncontended push or pop touches no shared
// line.
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
  /// Room for at least `capacity` entries; rounded up to a power of two.
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

  /// Producer only: entries that push() will still take.
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

  /// Any thread; a moment's truth. Between the two loads the ring may have moved on by more than it holds.
  std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    return std::min(tail_.load(std::memory_order_acquire) - head, capacity());
  }

 private:
  const std::size_t mask_;
  const std::unique_ptr<T[]> entries_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // written by the producer
  std::size_t cached_head_ = 0;                   // producer's
  alignas(64) std::atomic<std::size_t> head_{0};  // written by the consumer
  std::size_t cached_tail_ = 0;                   // consumer's
};

}  // namespace sluice::dataplane
