// lend: moves loans between workers. A loan is a packet buffer of one worker that another worker reads for a
// while. It holds a packet, a sender report, feedback, or a request for a key frame (shared/loan.h). mirror.h
// says what a borrower does with it.
//
// Invariants:
//   No worker writes to a lent buffer. Only the lender changes its reference count: it counts one for the
//     lender's own use, and one for each loan that is out.
//   At most Steering::kLoans buffers of one lender are with one borrower, so the return ring always has
//     space.
//   A loan names the mirror, or the stream at home, with its generation or tenancy. When that has ended, the
//     borrower only gives the buffer back.
// Worker only.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Lends the packet to every worker that has mirrors of the sources that its stream feeds.
void lend_packet(WorkerState& state, const MediaPacket& packet);

/// Lends a sender report of that stream to the same workers. Copies both spans into a new buffer.
void lend_report(WorkerState& state, std::uint32_t stream, std::span<const std::uint8_t> sender_info,
                 std::span<const std::uint8_t> cname);

/// Lends feedback for the publisher of a mirror stream to the publisher's worker. Copies `bytes` into a new
/// buffer. REQUIRES: the stream is a mirror; feedback_type, feedback_format and repeated of `loan` are set.
void lend_feedback(WorkerState& state, std::uint32_t mirror_stream, Loan loan,
                   std::span<const std::uint8_t> bytes);
/// Lends a request for a key frame to the worker that has the real source. REQUIRES: `mirror_source` is a
/// mirror.
void lend_keyframe_request(WorkerState& state, std::uint32_t mirror_source);

/// From now on, lends the packets of a source of this worker to `mirror` on `worker`; unlend_source() ends
/// this. REQUIRES: `worker` is another worker.
void lend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker, SlotRef mirror);
void unlend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker);

/// Frees the buffers that borrowers have given back, at most kBatch of each. Returns how many.
std::size_t collect_returned(WorkerState& state);

/// Gives buffers back to the worker that lent them. REQUIRES: each was borrowed, and is given back once.
void return_buffers(WorkerState& state, std::size_t lender, std::span<rte_mbuf* const> buffers);

/// Whether loans of this worker are out, or loans of others wait here. A worker that stops waits a while for
/// both.
[[nodiscard]] bool has_loans(WorkerState& state);

}  // namespace sluice::dataplane
