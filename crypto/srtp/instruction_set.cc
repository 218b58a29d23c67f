#include "crypto/srtp/instruction_set.h"

#include <atomic>

namespace sluice::crypto {
namespace {

std::atomic<InstructionSet> limit{InstructionSet::kAuto};

}  // namespace

void limit_instruction_set(InstructionSet widest) {
  limit.store(widest, std::memory_order_relaxed);
}

InstructionSet widest_instruction_set() {
  return limit.load(std::memory_order_relaxed);
}

}  // namespace sluice::crypto
