// instruction_set: the widest instruction set that ipsec_mb_engine uses in this process. It is one setting
// for the whole process, and not one of an engine, because keys that one instance expanded must work with
// every other instance. Set it before the first engine is made. Any thread.
#pragma once

#include <cstdint>

namespace sluice::crypto {

enum class InstructionSet : std::uint8_t {
  kAuto,  // the widest that the CPU has
  kAvx2,  // no AVX-512, neither in the library nor in our own kernels
};

/// REQUIRES: this process has no engine and no expanded keys.
void limit_instruction_set(InstructionSet widest);
InstructionSet widest_instruction_set();

}  // namespace sluice::crypto
