// cpu_pair: two CPUs to measure on, and whether they are two threads of one core. A virtual machine's
// topology does not say so, and a loop does: beside another one it becomes slower (bench/suite/machine.py
// asks in the same way).
#pragma once

#include <array>
#include <chrono>
#include <vector>

namespace sluice::bench {

/// The CPUs that this process may use.
std::vector<unsigned> allowed_cpus();

/// Throws std::runtime_error when the CPU is not there.
void pin_this_thread(unsigned cpu);

/// How many times slower a loop is on the first while another runs on the second. By CPU time: other
/// processes of this machine do not count, another thread of the core does. One look, which may err: take the
/// median of several.
double slower_beside_another(const std::array<unsigned, 2>& cpus,
                             std::chrono::milliseconds each = std::chrono::milliseconds(5));

/// "yes", "no" or, between them, "unknown".
const char* share_a_core(double slower);

}  // namespace sluice::bench
