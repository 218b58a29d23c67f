// huge_pages: how much memory in huge pages the kernel has free, and the removal of files that a process with
// shared huge pages leaves behind. Control thread.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::dataplane {

/// The free huge pages of 2 MiB and of 1 GiB together, in MiB.
std::uint64_t free_huge_page_mib();

/// The directory of a mounted hugetlbfs; empty when none is mounted. Sharing pages with another process needs
/// one.
std::string hugetlbfs_mount();

/// Which files of a prefix to remove.
enum class SharedPages : std::uint8_t {
  kOwn,        // all of them, at the end: this process was the primary of the prefix
  kAbandoned,  // at the start: those that no live process has locked
};
/// Removes files of shared memory. DPDK leaves them behind with their pages, until the next start with the
/// same prefix. A process that still maps a file keeps its pages. Files that cannot be removed stay.
void remove_shared_pages(const std::string& file_prefix, SharedPages whose);

}  // namespace sluice::dataplane
