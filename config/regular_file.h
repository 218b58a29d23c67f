// regular_file: opens the files that an operator names. A FIFO or a device in their place could block the
// control thread for ever, so they are refused before they are opened. Control thread.
#pragma once

#include <string>

namespace sluice::config {

/// A descriptor to read `path` by, which the caller must close. -1 when it is no regular file or cannot be
/// opened; then `found` says what is there: "a FIFO", "an error (Permission denied)". Never waits.
[[nodiscard]] int open_regular_file(const std::string& path, std::string& found);

}  // namespace sluice::config
