// streams: birth, look-up and end of incoming streams, and the binding of streams to the sources that they
// feed. Worker only; no allocation. A stream is born only for a packet that authenticated.
#pragma once

#include <optional>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

inline std::uint32_t find_stream(const WorkerState& state, std::uint32_t endpoint, std::uint32_t ssrc) {
  return state.stream_by_ssrc.find({endpoint, ssrc});
}

/// kNoSlot when the endpoint's or the worker's limit is reached. The stream is dormant: only
/// wake_stream() tells the control thread.
std::uint32_t create_stream(WorkerState& state, std::uint32_t endpoint, std::uint32_t ssrc);

/// The end. What it fed goes, as with an idle stream, to the other one that matches and was heard last.
void forget_stream(WorkerState& state, std::uint32_t slot);

/// The stream has been silent for long: it feeds nothing any more. Under plain RTP it is forgotten. Under
/// SRTP its roll-over counter and replay windows stay as long as the endpoint's keys do: without the one a
/// sender that comes back could not be understood, and without the others a recorded packet could be played
/// again.
void retire_idle_stream(WorkerState& state, std::uint32_t slot);

/// The stream that feeds a mirror source (lend.h): born and ended with it. It is in no endpoint's list and
/// found by no SSRC. kNoSlot when the worker's limit is reached.
std::uint32_t create_mirror_stream(WorkerState& state, std::uint32_t source);
void forget_mirror_stream(WorkerState& state, std::uint32_t slot);

/// A packet of a dormant stream came: the stream takes back what it fed, and the control thread is told.
void wake_stream(WorkerState& state, std::uint32_t slot);

// ---- Which stream feeds a source
//
// A source is fed by one stream at a time. Streams that match it contest it by these rules, in this order.
//
// 1. A stream of a payload type that a route of the source maps wins against one of a type that none maps: a
//    digit, comfort noise or a retransmission with an SSRC of its own takes nothing from the media.
// 2. A stream that begins (its first packet; or the first one with this mid or payload type) takes the source
//    at once: a peer that starts a new SSRC means it to replace the old. It has to prove that. When the former
//    feeder is heard again while the new one has sent a single packet, or goes on for kGoesOn packets, the
//    former one takes the source back.
// 3. A stream that was there before takes the source from a feeder that has fallen silent: at its first
//    packet after kSilence, or at the second in a row without one of the feeder between them.
// 4. Two streams that both go on do not take turns. Each time that a stream takes a source by rule 3 and was not
//    silent itself before (kReturn), the silence that rule 3 asks of the feeder doubles for such streams, from
//    kFirstPatience to kMostPatience, until nothing has claimed the source for kCalm.
//
// Only RTP packets that are newer than all before them of their stream count.

/// Times in microseconds.
inline constexpr std::uint64_t kSilenceUs = 50'000;
inline constexpr std::uint64_t kReturnUs = 250'000;
inline constexpr std::uint64_t kFirstPatienceUs = 40'000;
inline constexpr std::uint64_t kMostPatienceUs = 1'280'000;
inline constexpr std::uint64_t kCalmUs = 5'000'000;
inline constexpr std::uint64_t kGoesOn = 10;  // packets

/// The stream begins: it claims every source of its endpoint that matches it. It feeds kMaxSourcesPerStream at
/// most.
void bind_stream(WorkerState& state, std::uint32_t stream);

/// The newest packet of the stream is the first to name its mid, or has another payload type than the one
/// before. Sources that it did not match before take it for one that begins.
void describe_stream(WorkerState& state, std::uint32_t stream, std::uint8_t payload_type);

/// A packet came of a stream that `contends`: it claims the sources that match it and that others feed.
void contend(WorkerState& state, std::uint32_t stream);

/// What hangs on the stream's sources has changed, or which of them it feeds: finds again what it feeds, the one
/// route, if it is one (such a stream's packets go the short way, see forward), and whether its packets are
/// kept. A packet goes to no source of other payload types when a source of its own type exists.
void refresh_direct_route(WorkerState& state, std::uint32_t stream);

/// A source is new: the stream of its endpoint that matches it and was heard last feeds it.
void bind_source(WorkerState& state, std::uint32_t source);
/// Every stream lets go of the source.
void unbind_source(WorkerState& state, std::uint32_t source);

}  // namespace sluice::dataplane
