// feedback: translates RTCP through routes in both directions (RFC 3550 7, RFC 4585, RFC 5104, RFC 7667 3.7).
//   publisher -> receivers: sender reports take the way of sender_reports.h. A BYE ends the stream but not
//     the route: its SSRC may continue with another source.
//   receiver -> publisher: report blocks, PLI, FIR and NACK go to the publisher that feeds the route now,
//     with the publisher's SSRC and sequence numbers. Feedback on packets from before a switch is not sent
//     on. The publisher is asked again only for packets that never came here. Requests for key frames take
//     the way of keyframes.h.
// What stands behind an unknown or malformed packet of a compound is not read; what stands before it counts
// (RFC 3550 A.2). Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class Retransmit;

/// Takes ownership of the packets, which are decrypted RTCP compounds. Drops one without a sound packet.
void feedback(WorkerState& state, std::span<MediaPacket> packets, Retransmit& retransmit);

/// Sends on the feedback of a receiver on another worker (lend.h). It is for the publisher of a stream on
/// this worker.
void feedback_from_mirror(WorkerState& state, const Loan& loan, Retransmit& retransmit);

/// Sends an RTCP BYE of the route's SSRC to its receiver. Does nothing when the route has not sent anything,
/// or when its receiver cannot be sent to.
void say_bye(WorkerState& state, std::uint32_t route);

}  // namespace sluice::dataplane
