// keyframes: asks publishers for key frames (PLI, RFC 4585 6.3.1; FIR, RFC 5104 4.3.1). Worker only.
//
// Two limits hold. One receiver may ask for a key frame of its route kKeyframesPerReceiver times a second, so
// that its repetitions do not make the publisher send key frames alone. A stream's publisher is asked
// kKeyframesPerSecond times a second, for all receivers together. What comes too soon waits: no receiver's
// request is lost because of another one's.
//
// A route with keyframe_on_switch also asks by itself: when it begins, when another stream that was already
// running begins to feed its source, and when its receiver becomes able to receive. A request for a source
// without a stream, and for a publisher that cannot be sent to yet, waits until there is one.
#pragma once

#include "dataplane/state/keyframe_queue.h"

namespace sluice::dataplane {

inline constexpr std::uint64_t kKeyframesPerReceiver = 2;

/// The receiver of the route asks. REQUIRES: a live stream feeds the route.
void ask_for_keyframe(WorkerState& state, std::uint32_t route, KeyframeRequest form);

/// The receiver of the route cannot get a lost packet again: a key frame replaces it. Asks at most once a
/// second, and only when the stream has key frames: the route asks for them, or a receiver has. REQUIRES: a
/// live stream feeds the route.
void replace_by_keyframe(WorkerState& state, std::uint32_t route);

/// A route of the source needs a key frame. For a mirror, asks the home worker.
void request_keyframe(WorkerState& state, std::uint32_t source);
/// Requests a key frame for another worker. `ref`: a source on this worker. Does nothing when it is stale.
void keyframe_for_mirror(WorkerState& state, SlotRef ref);

/// The endpoint can be sent to from now on: its keys are ready, or its address is known.
void endpoint_became_reachable(WorkerState& state, std::uint32_t endpoint);

/// Sends the requests that are due. Looks at a few of those that wait, and at others in the next turn.
void send_keyframe_requests(WorkerState& state);

}  // namespace sluice::dataplane
