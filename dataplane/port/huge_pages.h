// huge_pages: what the kernel has of them, and what a process that shares some leaves behind. Control thread.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::dataplane {

/// Free ones of every size, MiB.
std::uint64_t free_huge_page_mib();

/// Where a hugetlbfs is mounted; empty when nowhere. Sharing pages with another process takes one.
std::string hugetlbfs_mount();

/// DPDK leaves the files of a shared memory behind, with their pages, until the next start of the same
/// prefix. Processes that still map them keep them.
enum class SharedPages : std::uint8_t {
  kOwn,        // at the end: this process was the primary of the prefix
  kAbandoned,  // at a start: only files that no live process has locked
};
void remove_shared_pages(const std::string& file_prefix, SharedPages whose);

}  // namespace sluice::dataplane
