// lend: a room that is larger than a worker. A publisher's packet is received and decrypted once, by the
// worker where its endpoint lives, its home. For receivers that live on another worker the source has a
// mirror there: a source slot that belongs to no endpoint of that worker, and a stream slot that stands for
// whatever stream feeds the source at home. Home lends each packet to every worker that has a mirror; that
// worker makes its routes' copies from it as from a packet of its own, and gives it back. Feedback of its
// receivers goes home by the same way.
//
// Invariants:
//   A lent buffer is read by all and written by none. Its reference count is its lender's alone: one for the
//     lender's own use, one for every loan that is out.
//   At most kLoans buffers of one lender are with one borrower, so there is always room to give them back.
//   A loan names the mirror, or the stream at home, with its generation: one that has gone leads nowhere.
//   When another stream feeds the source at home, or its numbering starts over, the mirror stream's tenancy
//     counts up, and every route goes on as after a switch: an outgoing index is never used twice.
// Worker only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/batch.h"

namespace sluice::dataplane {

class Forward;
class Protect;

/// Lends the packet to every worker that has mirrors of the sources that its stream feeds.
void lend_packet(WorkerState& state, const MediaPacket& packet);

/// A sender report of that stream, which lies in `mbuf`.
void lend_report(WorkerState& state, rte_mbuf* mbuf, std::uint32_t stream,
                 std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname);

/// Feedback for the publisher of a mirror stream, taken home. `loan`: all but buffer and stream is set;
/// `bytes` are copied.
void send_home(WorkerState& state, std::uint32_t mirror_stream, Loan loan,
               std::span<const std::uint8_t> bytes);
/// A wish for a key frame, from a mirror source. False when one was sent just before.
void ask_home_for_keyframe(WorkerState& state, std::uint32_t mirror_source);

/// Mirrors of a source of this worker on another: begun, ended.
void lend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker, SlotRef mirror);
void unlend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker);

/// Whether a stream or a source of this worker stands for one of another.
inline bool is_mirror(const StreamSlot& stream) {
  return stream.endpoint.load(std::memory_order_relaxed) == kNoSlot;
}
inline bool is_mirror(const SourceSlot& source) {
  return !source.endpoint.valid();
}

/// Takes what others lend, at most kBatch of each, forwards it and gives it back.
class Borrow {
 public:
  /// Returns how many loans it took and how many of our own came home. `forward` and `out` are idle, and idle
  /// again afterwards.
  std::size_t run(WorkerState& state, Forward& forward, Protect& protect, OutgoingBatch& out);

 private:
  std::size_t borrow_from(WorkerState& state, std::size_t lender, Forward& forward, Protect& protect,
                          OutgoingBatch& out);

  std::array<MediaPacket, kBatch> packets_;
  std::array<rte_mbuf*, kBatch> buffers_;
};

/// Something of ours is out, or something of others' waits here: a worker that stops waits a while for it.
bool has_loans(WorkerState& state);

}  // namespace sluice::dataplane
