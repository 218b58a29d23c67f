// host: what the machine can do, as far as a configuration depends on it. Injected into the loader, so that
// tests choose. Plain values; probe() runs on the control thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::config {

struct Host {
  std::vector<std::uint16_t> cpus;  // ids that this process may run on, ascending
  bool has_ipv6 = true;

  /// Asks the kernel. Leaves the process as it was.
  static Host probe();
};

/// "0-3,8": as the kernel writes CPU lists.
std::string cpu_list_text(const std::vector<std::uint16_t>& cpus);

}  // namespace sluice::config
