// lane_counter: AES_CM_128 + HMAC-SHA1 over RTP packets by our own kernels (aes_counter, sha1_lanes), where
// the CPU has AVX-512 and VAES. The library's bursts (ipsec_mb_counter) do the same for any CPU, for SRTCP
// and for a few packets, but pay for job structures, for lanes that are filled and emptied one at a time, and
// for one message block after another being copied: at 60 bytes that is more than the cryptography. Private
// to ipsec_mb_engine. One instance per thread.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/aes_counter.h"
#include "crypto/ipsec_mb_jobs.h"
#include "crypto/sha1_lanes.h"

namespace sluice::crypto {

class LaneCounter {
 public:
  ~LaneCounter();

  /// How many of so many jobs are best done here, the first ones; a pass of the lanes costs the same for one
  /// message as for sixteen, so that a small rest is the library's.
  static std::size_t share(std::size_t jobs);

  /// Protects or unprotects, as the type of the jobs says. A packet that does not authenticate stays as it
  /// came. REQUIRES: at most kStageJobs jobs, all of this family, all checked, statuses kOk; best in
  /// descending order of length.
  void process(std::span<RtpProtectJob*> jobs);
  void process(std::span<RtpUnprotectJob*> jobs);

 private:
  template <class Job>
  void in_passes(std::span<Job*> jobs);
  /// As many as the lanes take: what is encrypted is then still in the first level cache when it is hashed.
  void one_pass(std::span<RtpProtectJob*> jobs);
  void one_pass(std::span<RtpUnprotectJob*> jobs);

  std::array<CounterText, kSha1Lanes> texts_;
  std::array<LaneMessage, kSha1Lanes> messages_;
  std::array<LaneTag, kSha1Lanes> tags_;
};

}  // namespace sluice::crypto
