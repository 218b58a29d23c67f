#include "dataplane/base/slot_array.h"

#include <sys/mman.h>

#include <new>

namespace sluice::dataplane {

void* map_zeroed(std::size_t bytes) {
  assert(bytes != 0);
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, bytes, MADV_HUGEPAGE);  // fewer TLB misses; failure does not matter
  madvise(memory, bytes, MADV_DONTDUMP);  // slots hold keys
  return memory;
}

void unmap(void* memory, std::size_t bytes) {
  munmap(memory, bytes);
}

}  // namespace sluice::dataplane
