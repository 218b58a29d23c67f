// host: what the machine can do, as far as a configuration depends on it. The caller passes it to the loader,
// so that tests can choose it. Plain values; probe() runs on the control thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::config {

struct Host {
  std::vector<std::uint16_t> cpus;  // ids of the CPUs that this process may run on, ascending
  bool has_ipv6 = true;

  /// Asks the kernel. Does not change the process. `cpus` is empty where the kernel does not answer.
  static Host probe();
};

/// "0-3,8", as the kernel writes CPU lists.
std::string cpu_list_text(const std::vector<std::uint16_t>& cpus);

}  // namespace sluice::config
