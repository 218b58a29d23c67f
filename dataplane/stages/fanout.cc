#include "dataplane/stages/fanout.h"

#include "dataplane/stages/streams.h"

namespace sluice::dataplane {
namespace {

std::uint32_t take_chunk(WorkerState& state) {
  std::uint32_t index = state.free_chunk;
  if (index != kNoSlot) {
    state.free_chunk = state.chunks[index].next;
  } else if (state.chunk_high_water < state.chunks.size()) {
    index = state.chunk_high_water++;
  }
  return index;
}

void add_mapped_types(SourceSlot& source, const RouteSlot& route) {
  if (route.payload_type_count == 0) source.mapped_types.add_all();
  for (std::uint8_t i = 0; i < route.payload_type_count; ++i)
    source.mapped_types.add(route.payload_types[i].from);
}

}  // namespace

bool add_to_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route) {
  if (source.route_count == 0) source.mapped_types.clear();
  add_mapped_types(source, state.memory.routes[route]);
  // Only the first chunk may have free entries: removal keeps the others full.
  if (source.first_chunk == kNoSlot || state.chunks[source.first_chunk].count == FanoutChunk::kRoutes) {
    const std::uint32_t fresh = take_chunk(state);
    if (fresh == kNoSlot) return false;
    state.chunks[fresh].count = 0;
    state.chunks[fresh].next = source.first_chunk;
    source.first_chunk = fresh;
  }
  FanoutChunk& chunk = state.chunks[source.first_chunk];
  chunk.routes[chunk.count++] = route;
  ++source.route_count;
  if (state.memory.routes[route].retransmit) ++source.retransmit_count;
  if (state.memory.routes[route].keyframe_on_switch) ++source.keyframe_count;
  if (source.stream != kNoSlot) refresh_direct_route(state, source.stream);
  return true;
}

void remove_from_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route) {
  for (std::uint32_t at = source.first_chunk; at != kNoSlot; at = state.chunks[at].next) {
    FanoutChunk& chunk = state.chunks[at];
    for (std::uint32_t i = 0; i < chunk.count; ++i) {
      if (chunk.routes[i] != route) continue;
      FanoutChunk& first = state.chunks[source.first_chunk];
      chunk.routes[i] = first.routes[--first.count];
      --source.route_count;
      if (state.memory.routes[route].retransmit) --source.retransmit_count;
      if (state.memory.routes[route].keyframe_on_switch) --source.keyframe_count;
      if (first.count == 0) {
        const std::uint32_t emptied = source.first_chunk;
        source.first_chunk = first.next;
        const auto slot = static_cast<std::uint32_t>(&source - &state.memory.sources[0]);
        if (state.fanouts.has(slot)) state.fanouts.chunk_freed(slot, emptied, first.next);
        first.next = state.free_chunk;
        state.free_chunk = emptied;
      }
      if (source.stream != kNoSlot) refresh_direct_route(state, source.stream);
      return;
    }
  }
}

}  // namespace sluice::dataplane
