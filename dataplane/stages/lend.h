// lend: moves loans between workers. A loan is a packet buffer of one worker that another one reads for a
// while, and what it says: a packet, a report, feedback, a wish for a key frame (loan.h). What a borrower
// does with it is for mirror.h to say.
//
// Invariants:
//   A lent buffer is read by all and written by none. Its reference count is its lender's alone: one for the
//     lender's own use, one for every loan that is out.
//   At most Steering::kLoans buffers of one lender are with one borrower, so there is always space to give
//     them back.
//   A loan names the mirror, or the stream at home, with its generation: one that has gone leads nowhere.
// Worker only.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Lends the packet to every worker that has mirrors of the sources that its stream feeds.
void lend_packet(WorkerState& state, const MediaPacket& packet);

/// A sender report of that stream, which lies in `mbuf`.
void lend_report(WorkerState& state, rte_mbuf* mbuf, std::uint32_t stream,
                 std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname);

/// Feedback for the publisher of a mirror stream, to the worker where it lives. `loan`: feedback_type,
/// feedback_format and repeated are set; `bytes` are copied. REQUIRES: the stream is a mirror.
void lend_feedback(WorkerState& state, std::uint32_t mirror_stream, Loan loan,
                   std::span<const std::uint8_t> bytes);
/// A wish for a key frame, to the worker that a mirror source stands for a source of. REQUIRES: the source is
/// a mirror.
void lend_keyframe_request(WorkerState& state, std::uint32_t mirror_source);

/// Mirrors of a source of this worker on another: begun, ended. REQUIRES: more than one worker; `worker` is
/// another one of them.
void lend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker, SlotRef mirror);
void unlend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker);

/// Frees what borrowers have given back. Returns how many buffers.
std::size_t collect_returned(WorkerState& state);

/// Gives buffers back to the worker that lent them. REQUIRES: each was borrowed, and is given back once.
void return_buffers(WorkerState& state, std::size_t lender, std::span<rte_mbuf* const> buffers);

/// Something of ours is out, or something of others' waits here: a worker that stops waits a while for it.
[[nodiscard]] bool has_loans(WorkerState& state);

}  // namespace sluice::dataplane
