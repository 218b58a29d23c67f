// ipsec_mb_gcm: AES-GCM over a batch of packets, one call of the library each (RFC 7714). Private to
// ipsec_mb_engine. One instance per thread.
//
// The expanded keys are 1 KB per packet, and are not in the cache when thousands of endpoints take turns. So
// the keys of the next packets are prefetched while the library works on this one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/ipsec_mb/ipsec_mb_keys.h"

namespace sluice::crypto {

class GcmCalls {
 public:
  ~GcmCalls();

  /// Protects or unprotects, as the type of the jobs says. REQUIRES: at most kStageJobs jobs, all of this
  /// family and checked, statuses kOk.
  void process(IMB_MGR* manager, std::span<RtpProtectJob*> jobs);
  void process(IMB_MGR* manager, std::span<RtpUnprotectJob*> jobs);
  void process(IMB_MGR* manager, std::span<RtcpProtectJob*> jobs);
  void process(IMB_MGR* manager, std::span<RtcpUnprotectJob*> jobs);

 private:
  using Iv = std::array<std::uint8_t, 16>;  // 12 are used
  struct Message;

  template <class Job, class Work>
  void for_each(std::span<Job*> jobs, Work work);
  void seal(IMB_MGR* manager, const Message& message, std::uint8_t* tag);
  [[nodiscard]] bool open(IMB_MGR* manager, const Message& message, const std::uint8_t* tag);
  [[nodiscard]] bool open_clear_rtcp(IMB_MGR* manager, RtcpUnprotectJob& job, Message& message,
                                     std::size_t length);

  gcm_context_data context_{};
  // All IVs are written before the first call. The library loads an IV in one piece, and would wait for one
  // that was just stored in two.
  std::array<Iv, kStageJobs> ivs_{};
};

}  // namespace sluice::crypto
