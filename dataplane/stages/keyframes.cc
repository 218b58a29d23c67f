#include "dataplane/stages/keyframes.h"

#include "dataplane/stages/lend.h"
#include "dataplane/stages/rtcp_compound.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kLooksPerTurn = 4;
constexpr std::size_t kFirLength = 8;

// RFC 5104 4.3.1: the SSRC of the publisher stands in the entry, not in the header. The publisher gets one
// sequence of numbers for the requests of all receivers.
void write_fir(StreamSlot& stream, bool again, std::span<std::uint8_t, kFirLength> entry) {
  if (!again || stream.fir_sequence == 0) ++stream.fir_sequence;
  std::fill(entry.begin(), entry.end(), std::uint8_t{0});
  store_be32(entry.data(), stream.ssrc.load(std::memory_order_relaxed));
  entry[4] = stream.fir_sequence;
}

void send_request(WorkerState& state, std::uint32_t stream_slot, std::uint32_t publisher) {
  StreamSlot& stream = state.memory.streams[stream_slot];
  const EndpointSlot& endpoint = state.endpoint(publisher);
  const bool is_fir = stream.keyframe_wanted != KeyframeRequest::kPli;
  RtcpCompound compound(state, publisher);
  compound.begin(endpoint.local_ssrc, {}, {}, own_cname());
  std::array<std::uint8_t, kFirLength> entry;
  if (is_fir) write_fir(stream, stream.keyframe_wanted == KeyframeRequest::kFirAgain, entry);
  if (compound.writer().feedback(RtcpType::kPayloadFeedback, is_fir ? kFeedbackFir : kFeedbackPli,
                                 endpoint.local_ssrc,
                                 is_fir ? 0 : stream.ssrc.load(std::memory_order_relaxed),
                                 std::span(entry).first(is_fir ? kFirLength : 0)))
    state.counters().feedback_forwarded.add();
  compound.finish();
  (is_fir ? stream.firs : stream.plis).add();
}

// Lends the request to the home worker, which limits it again together with those of its own receivers.
void lend_request(WorkerState& state, std::uint32_t stream_slot, KeyframeRequest form) {
  Loan loan;
  loan.feedback_type = static_cast<std::uint8_t>(RtcpType::kPayloadFeedback);
  loan.feedback_format = form == KeyframeRequest::kPli ? kFeedbackPli : kFeedbackFir;
  loan.repeated = form == KeyframeRequest::kFirAgain;
  lend_feedback(state, stream_slot, loan, {});
  state.counters().feedback_forwarded.add();
}

// The stream has just left the queue.
void send_if_due(WorkerState& state, std::uint32_t slot) {
  StreamSlot& stream = state.memory.streams[slot];
  const bool in_use = (stream.tenancy.load(std::memory_order_relaxed) & 1) != 0;
  if (!in_use || stream.keyframe_wanted == KeyframeRequest::kNone) return;
  if (state.now < stream.keyframe_due_tsc) return append_to_keyframe_queue(state, slot);
  if (is_mirror(stream)) {
    lend_request(state, slot, stream.keyframe_wanted);
  } else {
    const std::uint32_t publisher = stream.endpoint.load(std::memory_order_relaxed);
    // The request stays wanted: endpoint_became_reachable() appends it again.
    if (!can_send_rtcp(state.endpoint(publisher))) return;
    send_request(state, slot, publisher);
  }
  stream.keyframe_wanted = KeyframeRequest::kNone;
  stream.last_keyframe_request_tsc = state.now;
}

void ask_every(WorkerState& state, std::uint32_t route_slot, KeyframeRequest form, std::uint64_t gap) {
  RouteSlot& route = state.memory.routes[route_slot];
  // A time in the future: the receiver has asked too soon, and its request waits for that time.
  if (route.keyframe_asked_tsc <= state.now)
    route.keyframe_asked_tsc =
        route.keyframe_asked_tsc == 0 ? state.now : std::max(state.now, route.keyframe_asked_tsc + gap);
  want_keyframe(state, route.stream, form, route.keyframe_asked_tsc);
}

}  // namespace

void ask_for_keyframe(WorkerState& state, std::uint32_t route, KeyframeRequest form) {
  ask_every(state, route, form, state.tsc_hz / kKeyframesPerReceiver);
}

void replace_by_keyframe(WorkerState& state, std::uint32_t route_slot) {
  const RouteSlot& route = state.memory.routes[route_slot];
  const StreamSlot& stream = state.memory.streams[route.stream];
  if (route.keyframe_on_switch || stream.plis.read() + stream.firs.read() != 0)
    ask_every(state, route_slot, KeyframeRequest::kPli, state.tsc_hz);
}

void request_keyframe(WorkerState& state, std::uint32_t source_slot) {
  SourceSlot& source = state.memory.sources[source_slot];
  if (is_mirror(source)) return lend_keyframe_request(state, source_slot);
  if (source.stream == kNoSlot)
    source.keyframe_wanted = true;
  else
    want_keyframe(state, source.stream, KeyframeRequest::kPli, state.now);
}

void keyframe_for_mirror(WorkerState& state, SlotRef ref) {
  if (ref.slot >= state.memory.sources.size()) return;
  const SourceSlot& source = state.memory.sources[ref.slot];
  if (source.installed && source.generation == ref.generation && !is_mirror(source))
    request_keyframe(state, ref.slot);
}

void endpoint_became_reachable(WorkerState& state, std::uint32_t endpoint_slot) {
  const EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  for (std::uint32_t at = endpoint.first_incoming_route; at != kNoSlot;
       at = state.memory.routes[at].next_to_endpoint) {
    const RouteSlot& route = state.memory.routes[at];
    if (route.keyframe_on_switch && route.source != kNoSlot) request_keyframe(state, route.source);
  }
  for (std::uint32_t at = endpoint.first_stream; at != kNoSlot; at = state.memory.streams[at].next) {
    const StreamSlot& stream = state.memory.streams[at];
    if (stream.keyframe_wanted != KeyframeRequest::kNone && !stream.keyframe_queued)
      append_to_keyframe_queue(state, at);
  }
}

void send_keyframe_requests(WorkerState& state) {
  const std::uint32_t last = state.last_keyframe;
  for (std::size_t i = 0; i < kLooksPerTurn && state.first_keyframe != kNoSlot; ++i) {
    const std::uint32_t slot = state.first_keyframe;
    StreamSlot& stream = state.memory.streams[slot];
    state.first_keyframe = stream.keyframe_next;
    stream.keyframe_queued = false;
    send_if_due(state, slot);
    if (slot == last) break;  // those behind it are back in the queue
  }
}

}  // namespace sluice::dataplane
