// sender_reports: sends a publisher's sender report (RFC 3550 6.4.1) to each receiver of its stream, with the
// SSRC, the RTP time and the counts of the route. NTP and RTP time stay a pair: the report may leave some
// turns later than it came. Worker only.
//
// A report of 28 bytes becomes a sealed packet for each receiver, so there are two limits. Of one stream at
// most kSenderReportsPerSecond count; of those that come in one turn, as in one compound, the last. And a
// turn sends to at most kReportsPerTurn receivers, the streams in turn: the rest waits in
// WorkerState::sender_reports. A report whose sending is not done when the next one comes is replaced.
//
// Between two turns routes of a source may come and go. A removed route's place may be taken by one that has
// got the report, which then gets it twice. No route that was there before the report is left out.
#pragma once

#include <span>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

inline constexpr std::uint64_t kSenderReportsPerSecond = 2;
/// Each costs about 0.2 us to make and seal, so that they add 25 us to a turn.
inline constexpr std::size_t kReportsPerTurn = 128;

/// Takes a sender report of that stream for the receivers on this worker and, unless the stream is a mirror,
/// on others. Copies both spans.
void take_sender_report(WorkerState& state, std::uint32_t stream, std::span<const std::uint8_t> sender_info,
                        std::span<const std::uint8_t> cname);

/// Sends the share of this turn.
void send_sender_reports(WorkerState& state);

}  // namespace sluice::dataplane
