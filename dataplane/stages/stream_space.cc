// The part of streams that makes space for newer streams.
#include <algorithm>
#include <utility>

#include "dataplane/stages/streams.h"

namespace sluice::dataplane {
namespace {

std::uint64_t last_heard(const StreamSlot& stream) {
  return std::max(stream.last_packet_tsc.read(), stream.last_rtcp_tsc);
}

bool may_yield(const WorkerState& state, const StreamSlot& stream) {
  if (stream.dormant.load(std::memory_order_relaxed)) return true;
  return stream.fed == 0 && !state.is_within(last_heard(stream), kYieldUs / 1000);
}

// Walks the streams of the endpoint, at most max_streams.
bool make_space_in(WorkerState& state, std::uint32_t endpoint_slot) {
  std::uint32_t best = kNoSlot;
  std::pair<bool, std::uint64_t> rank;  // awake, heard last: the lowest goes
  for (std::uint32_t at = state.endpoint(endpoint_slot).first_stream; at != kNoSlot;
       at = state.memory.streams[at].next) {
    const StreamSlot& stream = state.memory.streams[at];
    if (!may_yield(state, stream)) continue;
    const std::pair own{!stream.dormant.load(std::memory_order_relaxed), last_heard(stream)};
    if (best != kNoSlot && own >= rank) continue;
    best = at;
    rank = own;
  }
  if (best == kNoSlot) return false;
  end_stream(state, best);
  return true;
}

// Looks at a few slots for a dormant stream, and goes on there the next time, so that a packet costs a
// bounded time.
void make_space_anywhere(WorkerState& state) {
  constexpr std::size_t kLooks = 64;
  const auto slots = static_cast<std::uint32_t>(state.memory.streams.size());
  for (std::size_t i = 0; i < kLooks; ++i) {
    const std::uint32_t slot = state.next_to_yield;
    state.next_to_yield = slot + 1 == slots ? 0 : slot + 1;
    const StreamSlot& stream = state.memory.streams[slot];
    const bool in_use = (stream.tenancy.load(std::memory_order_relaxed) & 1) != 0 && !is_mirror(stream);
    if (!in_use || !stream.dormant.load(std::memory_order_relaxed)) continue;
    return end_stream(state, slot);
  }
}

}  // namespace

void make_space(WorkerState& state) {
  const std::uint32_t endpoint_slot = std::exchange(state.space_wanted_by, kNoSlot);
  const EndpointSlot& endpoint = state.endpoint(endpoint_slot);
  if (endpoint.installed && make_space_in(state, endpoint_slot)) return;
  if (!endpoint.installed || endpoint.stream_count < endpoint.max_streams) make_space_anywhere(state);
}

}  // namespace sluice::dataplane
