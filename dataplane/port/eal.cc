#include "dataplane/port/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "config/ring_device.h"
#include "dataplane/port/huge_pages.h"
#include "dataplane/port/ring_port.h"

namespace sluice::dataplane {
namespace {

bool is_pci_address(const std::string& device) {
  return !config::is_ring_device(device) && device.find(':') != std::string::npos &&
         device.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
}

// We number DPDK's lcores ourselves and assign them to CPUs. So one CPU may have two lcores, and its number
// does not matter.
std::string lcore_list(const EalOptions& options) {
  std::string list = "0@" + std::to_string(options.control_core);
  for (std::size_t i = 0; i < options.worker_cores.size(); ++i)
    list += "," + std::to_string(Eal::worker_lcore(i)) + "@" + std::to_string(options.worker_cores[i]);
  return list;
}

/// The --file-prefix of shared memory, made from the name of the first ring port. Empty without ring ports.
std::string shared_prefix(const EalOptions& options) {
  for (const std::string& device : options.devices)
    if (const auto ring = config::parse_ring_device(device)) return ring_file_prefix(ring->name);
  return "";
}

std::vector<std::string> arguments(const EalOptions& options, bool huge, const std::string& shared) {
  std::vector<std::string> args{
      "sluiced", "--no-telemetry",
      // The TAP driver logs an error when the kernel lacks a queue discipline that we do not need. When two
      // patterns match, DPDK uses the one that is given first.
      "--log-level=pmd.net.tap:critical", "--log-level=*:warning", "--lcores", lcore_list(options),
      "--main-lcore", "0", "-m", std::to_string(options.memory.size_mib)};
  // Without a ring port, we share nothing with other DPDK processes, so that several can run side by side.
  if (!shared.empty()) {
    args.push_back("--file-prefix=" + shared);
  } else if (huge) {
    args.push_back("--in-memory");
  } else {
    args.insert(args.end(), {"--no-huge", "--no-shconf", "--file-prefix=sluice" + std::to_string(getpid())});
  }
  const bool any_pci = std::any_of(options.devices.begin(), options.devices.end(), is_pci_address);
  if (!any_pci) {
    args.push_back("--no-pci");
    args.push_back("--iova-mode=va");
  }
  for (const std::string& device : options.devices) {
    if (config::is_ring_device(device)) continue;
    args.push_back(is_pci_address(device) ? "-a" : "--vdev");
    args.push_back(device);
  }
  return args;
}

std::string explain(const EalOptions& options, bool huge, const std::string& shared) {
  std::string text = "DPDK did not start: ";
  text += rte_strerror(rte_errno);
  if (geteuid() != 0) {
    text += "; sluiced is not running as root, which DPDK ports and memory need: start it as root";
  } else if (!shared.empty()) {
    text += "; is another sluiced running, with a ring: device of that name (/run/dpdk/" + shared +
            "), or do " + std::to_string(options.memory.size_mib) + " MiB of huge pages not fit into " +
            hugetlbfs_mount() + "?";
  } else if (huge) {
    text += "; check that " + std::to_string(options.memory.size_mib) +
            " MiB of huge pages are free, or set [memory] huge_pages = \"never\"";
  } else {
    text += "; check [memory] size_mib (" + std::to_string(options.memory.size_mib) +
            "), [workers] cores and the devices of [[ports]]";
  }
  return text;
}

std::string how_to_reserve(const EalOptions& options) {
  return "reserve them with 'sysctl vm.nr_hugepages=" +
         std::to_string((options.memory.size_mib + 1) / 2 + 16) + "'";
}

std::string cannot_share(const EalOptions& options, std::uint64_t free_mib) {
  std::string text = "a ring: device shares huge pages with another process, but ";
  if (free_mib < options.memory.size_mib)
    return text + std::to_string(free_mib) + " MiB of them are free and [memory] size_mib is " +
           std::to_string(options.memory.size_mib) + ": " + how_to_reserve(options) + ", or lower size_mib";
  return text +
         "no hugetlbfs is mounted: mount one with 'mkdir -p /dev/hugepages && mount -t hugetlbfs none "
         "/dev/hugepages'";
}

}  // namespace

std::unique_ptr<Eal> Eal::start(const EalOptions& options, std::string& error) {
  std::unique_ptr<Eal> eal(new Eal);
  const std::string shared = shared_prefix(options);
  if (!shared.empty()) remove_shared_pages(shared, SharedPages::kAbandoned);
  const std::uint64_t free_mib = free_huge_page_mib();
  const bool enough = free_mib >= options.memory.size_mib;
  if (!shared.empty() && (!enough || hugetlbfs_mount().empty())) {
    error = cannot_share(options, free_mib);
    return nullptr;
  }
  switch (options.memory.huge_pages) {
    case config::HugePages::kRequire:
      if (!enough) {
        error = "[memory] huge_pages = \"require\", but " + std::to_string(free_mib) +
                " MiB of huge pages are free and size_mib is " + std::to_string(options.memory.size_mib) +
                ": " + how_to_reserve(options) + ", lower size_mib, or set huge_pages = \"auto\"";
        return nullptr;
      }
      eal->huge_pages_ = true;
      break;
    case config::HugePages::kAuto:
      eal->huge_pages_ = enough;  // always true with a ring: device
      if (!enough)
        eal->warnings_.push_back(
            "only " + std::to_string(free_mib) + " MiB of huge pages are free and size_mib is " +
            std::to_string(options.memory.size_mib) + ": running without huge pages, more slowly");
      break;
    case config::HugePages::kNever:
      break;
  }
  std::vector<std::string> args = arguments(options, eal->huge_pages_, shared);
  std::vector<char*> argv;
  argv.reserve(args.size());
  for (std::string& arg : args) argv.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    error = explain(options, eal->huge_pages_, shared);
    return nullptr;
  }
  eal->up_ = true;
  eal->shared_prefix_ = shared;
  return eal;
}

Eal::~Eal() {
  if (!up_) return;
  const std::string directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  if (shared_prefix_.empty()) return;
  // DPDK leaves the pages and its runtime directory behind. A secondary that still runs keeps what it has
  // mapped.
  remove_shared_pages(shared_prefix_, SharedPages::kOwn);
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

std::string Eal::version() {
  return rte_version();
}

}  // namespace sluice::dataplane
