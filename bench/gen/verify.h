// verify: opens the sink's samples by calling libsrtp2. It is another implementation than the engine that the
// relay and the generator seal with, if that is ipsec_mb. Called after a trial, never during one.
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

/// `mirrored` as in Sink: the samples are then packets that the generator itself has sealed.
Verdict verify(const Plan& plan, const Sink& sink, const Pattern& pattern, bool mirrored);

}  // namespace sluice::gen
