// Replaces operator new by one that counts its calls. It is in a separate file, so that the compiler cannot
// optimise the calls away.
#include <cstdlib>
#include <new>

#include "tests/crypto/support.h"

namespace {
thread_local std::size_t count = 0;
}

void* operator new(std::size_t size) {
  ++count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace sluice::crypto::test {

std::size_t allocation_count() {
  return count;
}

}  // namespace sluice::crypto::test
