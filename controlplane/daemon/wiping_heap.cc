// wiping_heap: what the daemon's C++ code frees is wiped. Media keys and ICE passwords pass through JSON as
// base64 text, in strings, trees and buffers that grow and move; each of those copies ends here. Objects that
// hold keys for long wipe themselves (crypto/srtp/secret.h). Any thread; no worker frees on a packet's way.
// Sanitizers replace the same functions, so their builds do without.

#include <malloc.h>
#include <string.h>

#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void wipe_and_free(void* memory) noexcept {
  if (memory == nullptr) return;
  explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);
}

void* allocate(std::size_t size) {
  for (;;) {
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    const auto handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  wipe_and_free(memory);
}
void operator delete[](void* memory) noexcept {
  wipe_and_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  wipe_and_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  wipe_and_free(memory);
}

#endif
