#include "config/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::config {

namespace {

std::string error_text(int error) {
  return std::string("an error (") + std::strerror(error) + ")";
}

/// What kind of file it is. Empty for a regular file.
std::string kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "";
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

}  // namespace

int open_regular_file(const std::string& path, std::string& found) {
  // stat comes first because to open a device may already change it.
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    found = error_text(errno);
    return -1;
  }
  found = kind_of(status.st_mode);
  if (!found.empty()) return -1;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    found = error_text(errno);
    return -1;
  }
  // The path may have been replaced in between.
  found = fstat(fd, &status) == 0 ? kind_of(status.st_mode) : error_text(errno);
  if (found.empty()) return fd;
  close(fd);
  return -1;
}

}  // namespace sluice::config
