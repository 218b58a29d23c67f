// unprotect: from SRTP to RTP. It checks for replays, authenticates and decrypts the batch in one call, then
// commits each packet. Only an authentic packet changes the window, the roll-over counter, the counts and the
// peer's address (RFC 3711 3.3). Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Keeps the packets of the batch that pass, and drops the others with a reason.
class Unprotect {
 public:
  void rtp(WorkerState& state, ClassifiedBatch& batch);
  void rtcp(WorkerState& state, ClassifiedBatch& batch);

 private:
  std::array<crypto::RtpUnprotectJob, kBatch> rtp_jobs_;
  std::array<crypto::RtcpUnprotectJob, kBatch> rtcp_jobs_;
};

/// Why a packet is dropped that the cipher refused.
DropReason reason_of(crypto::SrtpStatus status);

/// A packet of the stream, from the sender's own address, was not authentic or not new: many of them in a row
/// tell that its roll-over counter is wrong.
void count_refusal(StreamSlot& stream);

}  // namespace sluice::dataplane
