// feedback: RTCP through routes, both ways (RFC 3550 7, RFC 4585, RFC 5104, RFC 7667 3.7).
//   publisher -> receivers: a sender report goes to each receiver with the route's SSRC, its RTP time and its
//     own counts. A BYE ends the stream but not the route, whose SSRC may go on with another source.
//   receiver -> publisher: report blocks, PLI, FIR and NACK go to the publisher that feeds the route now,
//     with its own SSRC and its own sequence numbers. What concerns packets from before a switch goes
//     nowhere. A NACK about a route that retransmits is answered here, and the publisher is asked for what it
//     alone has.
// Worker only. What it makes gathers in WorkerState::reports until seal_reports() takes it.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class Retransmit;

/// Takes ownership of the packets (unprotected RTCP compounds).
void feedback(WorkerState& state, std::span<MediaPacket> packets, Retransmit& retransmit);

/// PLI to the publisher of the stream that feeds `source`, unless one was just sent.
void request_keyframe(WorkerState& state, std::uint32_t source);

/// The publisher's sender report to all receivers of the stream on this worker.
void forward_sender_report(WorkerState& state, std::uint32_t stream,
                           std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname);

/// Of receivers on another worker (lend.h): what one of them says to the publisher of a stream of ours, and
/// its wish for a key frame from a source of ours.
void feedback_from_mirror(WorkerState& state, const Loan& loan);
void keyframe_for_mirror(WorkerState& state, SlotRef ref);

/// RTCP BYE of the route's SSRC to its receiver, if it can be sent to.
void say_bye(WorkerState& state, std::uint32_t route);

}  // namespace sluice::dataplane
