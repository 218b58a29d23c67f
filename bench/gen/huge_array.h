// huge_array: a large zeroed array of fixed size, in huge pages if some are free. With 50,000 endpoints the
// generator would otherwise spend its time on TLB misses. The constructor throws std::bad_alloc when there is
// no memory. One owner, any thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>

namespace sluice::gen {

template <typename T>
class HugeArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit HugeArray(std::size_t count) : count_(count) {
    constexpr std::size_t kPage = 2 * 1024 * 1024;
    bytes_ = (count * sizeof(T) + kPage) / kPage * kPage;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    if (at == MAP_FAILED) at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(at);
  }
  ~HugeArray() { munmap(data_, bytes_); }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return count_; }

 private:
  std::size_t count_, bytes_ = 0;
  T* data_ = nullptr;
};

}  // namespace sluice::gen
