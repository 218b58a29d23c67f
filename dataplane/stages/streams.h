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

/// Lets the stream feed every source of its endpoint that matches it, kMaxSourcesPerStream at most. With
/// `take_over`, also those that another stream feeds now: right at a stream's birth, since a peer that starts
/// a new SSRC means it to replace the old.
void bind_stream(WorkerState& state, std::uint32_t stream, bool take_over);

/// The stream has only now said its mid: it feeds the sources of that mid, whichever stream fed them before.
void bind_mid(WorkerState& state, std::uint32_t stream);

/// What hangs on the stream's sources has changed: finds again the one route, if it is one (such a stream's
/// packets go the short way, see forward), and whether its packets are kept.
void refresh_direct_route(WorkerState& state, std::uint32_t stream);

/// A source is new: the stream of its endpoint that matches it and was heard last feeds it.
void bind_source(WorkerState& state, std::uint32_t source);
/// Every stream lets go of the source.
void unbind_source(WorkerState& state, std::uint32_t source);

}  // namespace sluice::dataplane
