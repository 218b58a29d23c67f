// avx512: what the kernels (aes_counter, aes_gcm, sha1_lanes) need of the compiler and of the CPU.
//
// The kernels are compiled for AVX-512 function by function. A flag for the whole file would also compile
// inline functions of shared headers in a form that another CPU cannot run. The macros are private to the
// kernels. The engine asks once whether the CPU can run them.
#pragma once

#include <cpuid.h>

#define SLUICE_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2,aes,vaes,vpclmulqdq")))
#define SLUICE_AVX512_INLINE SLUICE_AVX512 inline __attribute__((always_inline))

namespace sluice::crypto {

/// Whether this CPU (and its operating system) runs functions marked SLUICE_AVX512. Any thread.
[[nodiscard]] inline bool cpu_has_avx512_lanes() {
  // Clang 14 has no name for VAES, so the CPU itself is asked. The operating system needs nothing for it but
  // AVX-512.
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool vaes = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_VAES) != 0;
  return vaes && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("aes") &&
         __builtin_cpu_supports("vpclmulqdq");
}

}  // namespace sluice::crypto
