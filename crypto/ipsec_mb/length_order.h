// length_order: puts the packets of a batch in descending order of length, so that hash lanes fill with
// messages of similar length and end together. Private to ipsec_mb_engine. Pure functions, any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"

namespace sluice::crypto {

/// Jobs of one class need nearly the same number of hash blocks, which are 64 bytes.
template <class Job>
std::size_t length_class(const Job& job) {
  return packet_length(job) / 64;
}

/// Orders by class. A counting sort, since there are few classes and batches are small.
/// REQUIRES: at most kStageJobs jobs.
template <class Job>
void order_by_length(std::span<Job*> jobs) {
  assert(jobs.size() <= kStageJobs);
  constexpr std::size_t kBuckets = 32;  // packets of 31 blocks and more share the first; an MTU has 24
  std::array<std::uint8_t, kStageJobs> buckets;
  std::array<std::uint8_t, kBuckets + 1> starts{};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    buckets[i] = static_cast<std::uint8_t>(kBuckets - 1 - std::min(length_class(*jobs[i]), kBuckets - 1));
    ++starts[buckets[i] + std::size_t{1}];
  }
  for (std::size_t i = 1; i <= kBuckets; ++i)
    starts[i] = static_cast<std::uint8_t>(starts[i] + starts[i - 1]);
  std::array<Job*, kStageJobs> sorted;
  for (std::size_t i = 0; i < jobs.size(); ++i) sorted[starts[buckets[i]]++] = jobs[i];
  std::copy_n(sorted.begin(), jobs.size(), jobs.begin());
}

}  // namespace sluice::crypto
