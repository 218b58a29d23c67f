#include "config/host.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <thread>

namespace sluice::config {

namespace {

constexpr int kMaxCpus = 1024;

struct CpuSetDeleter {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// The affinity at start is too narrow: it lacks isolated CPUs, which are those that workers want. The list of
// CPUs online is too wide: a container may not use all of them. So a thread asks the kernel for all CPUs, and
// the answer is what the process may use. The thread then ends, and no other thread's affinity changes.
std::vector<std::uint16_t> probe_cpus() {
  std::vector<std::uint16_t> cpus;
  std::thread([&cpus] {
    const std::unique_ptr<cpu_set_t, CpuSetDeleter> set(CPU_ALLOC(kMaxCpus));
    const std::size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
    CPU_ZERO_S(bytes, set.get());
    for (int cpu = 0; cpu < kMaxCpus; ++cpu) CPU_SET_S(cpu, bytes, set.get());
    // Where the kernel refuses, the present affinity is all that we may use.
    sched_setaffinity(0, bytes, set.get());
    CPU_ZERO_S(bytes, set.get());
    if (sched_getaffinity(0, bytes, set.get()) != 0) return;
    for (int cpu = 0; cpu < kMaxCpus; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(static_cast<std::uint16_t>(cpu));
  }).join();
  return cpus;
}

bool probe_ipv6() {
  std::ifstream file("/proc/sys/net/ipv6/conf/all/disable_ipv6");
  char disabled = '0';
  if (file >> disabled && disabled == '1') return false;
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    close(fd);
    return true;
  }
  // A lack of descriptors or memory says nothing about IPv6. Any other error means that there is none.
  return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
}

}  // namespace

Host Host::probe() {
  return {probe_cpus(), probe_ipv6()};
}

std::string cpu_list_text(const std::vector<std::uint16_t>& cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[first]);
    if (last > first) text += "-" + std::to_string(cpus[last]);
    first = last + 1;
  }
  return text;
}

}  // namespace sluice::config
