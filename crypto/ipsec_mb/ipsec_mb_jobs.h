// ipsec_mb_jobs: what the four kinds of job have in common and where they differ. Private to ipsec_mb_engine.
// Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <type_traits>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

/// Most jobs that the engine works on at once.
inline constexpr std::size_t kStageJobs = 128;
/// The same where the library's bursts do the work. The job structures of one stage (200 bytes each, twice)
/// then stay in the first level cache, and a stage is four full passes of the 16 hash lanes.
inline constexpr std::size_t kBurstStageJobs = 64;

template <class Job>
inline constexpr bool kIsRtp = std::is_same_v<Job, RtpProtectJob> || std::is_same_v<Job, RtpUnprotectJob>;

/// The block of keys for the job's protocol.
template <class Job>
const SrtpKeys::Block& block_of(const Job& job) {
  return kIsRtp<Job> ? job.keys->rtp : job.keys->rtcp;
}

/// Bytes of the packet as the job brings it: for RtpProtectJob header and payload.
template <class Job>
std::size_t packet_length(const Job& job) {
  if constexpr (std::is_same_v<Job, RtpProtectJob>)
    return std::size_t{job.header_length} + job.payload_length;
  else
    return job.length;
}

/// What the parts of the engine require of the jobs that they are given: no more than a stage, each with
/// status kOk and keys of one of these forms.
template <class Job>
[[nodiscard]] bool are_checked(std::span<Job* const> jobs, std::initializer_list<KeyForm> forms) {
  return jobs.size() <= kStageJobs && std::all_of(jobs.begin(), jobs.end(), [&](const Job* job) {
           return job->status == SrtpStatus::kOk &&
                  std::find(forms.begin(), forms.end(), job->keys->form) != forms.end();
         });
}

}  // namespace sluice::crypto
