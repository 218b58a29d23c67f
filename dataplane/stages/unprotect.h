// unprotect: from SRTP to RTP. Replay check, batch authentication and decryption, then the commit: only a
// packet that is authentic moves the window, the roll-over counter, the counts and the peer's address (RFC
// 3711 3.3). Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Compacts the batch to the packets that passed; drops the others with their reason.
class Unprotect {
 public:
  void rtp(WorkerState& state, ClassifiedBatch& batch);
  void rtcp(WorkerState& state, ClassifiedBatch& batch);

 private:
  std::array<crypto::RtpUnprotectJob, kBatch> rtp_jobs_;
  std::array<crypto::RtcpUnprotectJob, kBatch> rtcp_jobs_;
};

}  // namespace sluice::dataplane
