// eal: DPDK's environment. The control thread starts it once per process, from the configuration, and ends it
// after everything that uses DPDK. Control thread only, except worker_lcore(), which is pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice::dataplane {

struct EalOptions {
  config::Memory memory;
  std::uint16_t control_core = 0;
  std::vector<std::uint16_t> worker_cores;
  std::vector<std::string> devices;  // as in [[ports]]; with a ring: device, other processes share the memory
};

/// The EAL is up while an Eal exists. One per process, since DPDK allows no second start.
class Eal {
 public:
  /// On failure nullptr, with the reason in `error`: what is missing (huge pages, privileges, a core, a
  /// device) and how to get it. With huge_pages = auto and too few of them, it uses ordinary pages and adds a
  /// warning.
  static std::unique_ptr<Eal> start(const EalOptions& options, std::string& error);
  ~Eal();

  /// DPDK's number for the thread of worker `index`; the control thread's is 0.
  static unsigned worker_lcore(std::size_t index) { return static_cast<unsigned>(index + 1); }

  bool uses_huge_pages() const { return huge_pages_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// "DPDK 22.11.11"
  static std::string version();

 private:
  Eal() = default;
  bool up_ = false;
  bool huge_pages_ = false;
  std::string shared_prefix_;  // of the files in a hugetlbfs; empty when no memory is shared
  std::vector<std::string> warnings_;
};

}  // namespace sluice::dataplane
