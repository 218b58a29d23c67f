#include "dataplane/port/huge_pages.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace sluice::dataplane {
namespace {

std::vector<std::string> hugetlbfs_mounts() {
  std::vector<std::string> found;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, directory, type;
    if (words >> device >> directory >> type && type == "hugetlbfs") found.push_back(directory);
  }
  return found;
}

// DPDK holds a shared lock on each file that it maps.
bool is_locked(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return true;
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
  close(fd);
  return locked;
}

}  // namespace

std::uint64_t free_huge_page_mib() {
  std::uint64_t total = 0;
  for (const auto& [directory, mib] :
       {std::pair{"hugepages-2048kB", 2ULL}, std::pair{"hugepages-1048576kB", 1024ULL}}) {
    std::ifstream file(std::string("/sys/kernel/mm/hugepages/") + directory + "/free_hugepages");
    std::uint64_t pages = 0;
    if (file >> pages) total += pages * mib;
  }
  return total;
}

std::string hugetlbfs_mount() {
  const auto mounts = hugetlbfs_mounts();
  return mounts.empty() ? "" : mounts.front();
}

void remove_shared_pages(const std::string& file_prefix, SharedPages whose) {
  for (const std::string& mount : hugetlbfs_mounts()) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(mount, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      if (!at->path().filename().string().starts_with(file_prefix + "map_")) continue;
      if (whose == SharedPages::kOwn || !is_locked(at->path())) std::filesystem::remove(at->path(), ignored);
    }
  }
}

}  // namespace sluice::dataplane
