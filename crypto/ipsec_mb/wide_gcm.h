// wide_gcm: AES-128-GCM over RTP packets (RFC 7714) by our own kernel (aes_gcm), where the CPU has AVX-512,
// VAES and VPCLMULQDQ. The library's calls (ipsec_mb_gcm) do the same for any CPU, for AES-256 and for SRTCP.
// Private to ipsec_mb_engine. One instance per thread.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/kernels/aes_gcm.h"

namespace sluice::crypto {

class WideGcm {
 public:
  ~WideGcm();

  /// Protects or unprotects, as the type of the jobs says. REQUIRES: at most kStageJobs jobs, all with keys
  /// in our own form (own_gcm_keys), all checked, statuses kOk.
  void process(std::span<RtpProtectJob*> jobs);
  void process(std::span<RtpUnprotectJob*> jobs);

 private:
  /// Runs `crypt` over the first `count` texts, a few at a time.
  template <class Crypt>
  void in_passes(std::size_t count, Crypt crypt);

  std::array<GcmText, kStageJobs> texts_;
  std::array<GcmTag, kStageJobs> tags_;
};

}  // namespace sluice::crypto
