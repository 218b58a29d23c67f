// mirror: what a borrower does with a loan. The home worker of a publisher receives and decrypts each packet
// once. For receivers on another worker, the source has a mirror on that worker. A mirror is a source slot
// without an endpoint, and a stream slot that stands for the stream that feeds the source at home. The home
// worker lends each packet to every worker that has a mirror (lend.h). The borrower makes the copies of its
// routes from the loan as from a packet that it received, and gives the buffer back. Feedback of its
// receivers goes to the home worker as a loan in the other direction.
//
// Invariant: the tenancy of the mirror's stream counts up when another stream feeds the source at home, and
// when that stream starts its numbers over. Every route then continues as after a switch, so that no outgoing
// index repeats. Worker only.
#pragma once

#include <array>
#include <cstddef>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class Forward;
class Retransmit;

/// Takes loans of the other workers, at most kBatch of each, handles them, and gives the buffers back.
class Borrow {
 public:
  /// Returns how many loans it took, plus how many buffers of this worker came back. REQUIRES: more than one
  /// worker; `forward`, `out` and `retransmit` are not in use.
  std::size_t run(WorkerState& state, Forward& forward, OutgoingBatch& out, Retransmit& retransmit);

 private:
  std::size_t borrow_from(WorkerState& state, std::size_t lender, Forward& forward, OutgoingBatch& out,
                          Retransmit& retransmit);
  void forward_packets(WorkerState& state, std::size_t count, Forward& forward, OutgoingBatch& out);

  std::array<MediaPacket, kBatch> packets_;
  std::array<rte_mbuf*, kBatch> buffers_;
};

}  // namespace sluice::dataplane
