// verify: opens the sink's samples with libsrtp2, used directly: another implementation than the one that the
// relay and the generator seal with. After a trial, never during one.
#pragma once

#include <string>
#include <vector>

#include "bench/gen/pattern.h"
#include "bench/gen/plan.h"
#include "bench/gen/sink.h"

namespace sluice::gen {

struct Verdict {
  std::uint64_t verified = 0;
  std::uint64_t failures = 0;
  std::vector<std::string> reasons;  // the first few
};

/// `mirrored` as in Sink: what came is what we sealed ourselves.
Verdict verify(const Plan& plan, const Sink& sink, const Pattern& pattern, bool mirrored);

}  // namespace sluice::gen
