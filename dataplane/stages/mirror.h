// mirror: what a loan means. A publisher's packet is received and decrypted once, by the worker where its
// endpoint lives, its home. For receivers that live on another worker the source has a mirror there: a source
// slot that belongs to no endpoint of that worker, and a stream slot that stands for the stream, whichever it
// is, that feeds the source at home. Home lends each packet to every worker that has a mirror (lend.h). That
// worker makes its routes' copies from it as from a packet of its own, and gives it back. Feedback of its
// receivers returns to the home worker by the same way.
//
// Invariant: when another stream feeds the source at home, or its numbering starts over, the mirror stream's
// tenancy counts up, and every route goes on as after a switch: an outgoing index is never used twice.
// Worker only.
#pragma once

#include <array>
#include <cstddef>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class Forward;

/// Takes what others lend, at most kBatch of each, does what it says, and gives it back.
class Borrow {
 public:
  /// Returns how many loans it took and how many of our own came back. `forward` and `out` are idle, and idle
  /// again afterwards. REQUIRES: more than one worker.
  std::size_t run(WorkerState& state, Forward& forward, OutgoingBatch& out);

 private:
  std::size_t borrow_from(WorkerState& state, std::size_t lender, Forward& forward, OutgoingBatch& out);
  void forward_packets(WorkerState& state, std::size_t count, Forward& forward, OutgoingBatch& out);

  std::array<MediaPacket, kBatch> packets_;
  std::array<rte_mbuf*, kBatch> buffers_;
};

}  // namespace sluice::dataplane
