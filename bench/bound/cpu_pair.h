// cpu_pair: two CPUs to measure on, and whether they are two threads of one core. The topology that a virtual
// machine reports does not say so. But a loop becomes slower while another thread of its core is busy.
// bench/suite/machine.py measures the same. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <vector>

namespace sluice::bench {

/// The CPUs that this process may use; empty when the kernel does not say.
std::vector<unsigned> allowed_cpus();

/// Throws std::runtime_error when this thread may not run on the CPU.
void pin_this_thread(unsigned cpu);

/// How many times slower a loop is on the first CPU while another loop runs on the second. It measures CPU
/// time, so other processes on these CPUs have no effect, but another thread of the core has. A single result
/// may be wrong: take the median of several.
double slower_beside_another(const std::array<unsigned, 2>& cpus,
                             std::chrono::milliseconds each = std::chrono::milliseconds(5));

/// "yes", "no" or "unknown", for a result of slower_beside_another().
const char* share_a_core(double slower);

}  // namespace sluice::bench
