// lane_counter: AES_CM_128 + HMAC-SHA1 over RTP packets by our own kernels (aes_counter, sha1_lanes), where
// the CPU has AVX-512 and VAES (RFC 3711 4.1.1, 4.2.1). Private to ipsec_mb_engine. One instance per thread.
//
// The library's bursts (ipsec_mb_counter) do the same for any CPU, for SRTCP and for a few packets. But they
// pay for job structures, for lanes that fill and empty one at a time, and for copying message blocks one by
// one: at 60 bytes that costs more than the cryptography.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/kernels/aes_counter.h"
#include "crypto/kernels/sha1_lanes.h"

namespace sluice::crypto {

class LaneCounter {
 public:
  ~LaneCounter();

  /// How many of `jobs` jobs to do here; these are the first ones, and the library does the rest. A pass of
  /// the lanes costs the same for one message as for sixteen, so the library does a small rest for less.
  static std::size_t share(std::size_t jobs);

  /// Protects or unprotects, as the type of the jobs says. REQUIRES: at most kStageJobs jobs, all of this
  /// family, all checked, statuses kOk; best in descending order of length.
  void process(std::span<RtpProtectJob*> jobs);
  void process(std::span<RtpUnprotectJob*> jobs);

 private:
  template <class Job>
  void in_passes(std::span<Job*> jobs);
  /// As many as the lanes take. What is encrypted is then still in the first level cache when it is hashed.
  void one_pass(std::span<RtpProtectJob*> jobs);
  void one_pass(std::span<RtpUnprotectJob*> jobs);

  std::array<CounterText, kSha1Lanes> texts_;
  std::array<LaneMessage, kSha1Lanes> messages_;
  std::array<LaneTag, kSha1Lanes> tags_;
};

}  // namespace sluice::crypto
