// keyframe_queue: the streams whose publishers are to be asked for a key frame, and when. A request that
// comes too soon after the last one waits here, so it is late but never lost. stages/keyframes.h sends them.
// Worker only; no allocation. The queue is a list through the stream slots.
#pragma once

#include <algorithm>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// A publisher is asked at most this often for one stream, by all receivers together (RFC 5104 4.3.1.2).
inline constexpr std::uint64_t kKeyframesPerSecond = 5;

/// Appends the stream to the queue. REQUIRES: it is not in the queue.
inline void append_to_keyframe_queue(WorkerState& state, std::uint32_t stream_slot) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  stream.keyframe_queued = true;
  stream.keyframe_next = kNoSlot;
  if (state.first_keyframe == kNoSlot)
    state.first_keyframe = stream_slot;
  else
    state.memory.streams[state.last_keyframe].keyframe_next = stream_slot;
  state.last_keyframe = stream_slot;
}

/// The publisher of the stream is to be asked for a key frame, not before `earliest` (TSC), and not before
/// the last request is 1 / kKeyframesPerSecond old. Requests that wait become one: the earliest time holds,
/// and the strongest form.
inline void want_keyframe(WorkerState& state, std::uint32_t stream_slot, KeyframeRequest form,
                          std::uint64_t earliest) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  std::uint64_t due = earliest;
  if (stream.last_keyframe_request_tsc != 0)
    due = std::max(due, stream.last_keyframe_request_tsc + state.tsc_hz / kKeyframesPerSecond);
  if (stream.keyframe_wanted != KeyframeRequest::kNone) {
    state.counters().feedback_suppressed.add();
    due = std::min(due, stream.keyframe_due_tsc);
  }
  stream.keyframe_due_tsc = due;
  stream.keyframe_wanted = std::max(stream.keyframe_wanted, form);
  if (!stream.keyframe_queued) append_to_keyframe_queue(state, stream_slot);
}

}  // namespace sluice::dataplane
