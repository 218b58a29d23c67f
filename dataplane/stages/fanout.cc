#include "dataplane/stages/fanout.h"

#include <cassert>

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

void give_back_first_chunk(WorkerState& state, SourceSlot& source) {
  const std::uint32_t emptied = source.first_chunk;
  FanoutChunk& chunk = state.chunks[emptied];
  source.first_chunk = chunk.next;
  if (source.report_chunk == emptied) source.report_chunk = chunk.next;
  const auto slot = static_cast<std::uint32_t>(&source - &state.memory.sources[0]);
  if (state.fanouts.has(slot)) state.fanouts.chunk_freed(slot, emptied, chunk.next);
  chunk.next = state.free_chunk;
  state.free_chunk = emptied;
}

void place(WorkerState& state, std::uint32_t route, std::uint32_t chunk, std::uint32_t entry) {
  state.chunks[chunk].routes[entry] = route;
  state.memory.routes[route].fanout_chunk = chunk;
  state.memory.routes[route].fanout_entry = entry;
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
  place(state, route, source.first_chunk, state.chunks[source.first_chunk].count++);
  ++source.route_count;
  if (state.memory.routes[route].keeps) ++source.keep_count;
  if (state.memory.routes[route].keyframe_on_switch) ++source.keyframe_count;
  if (source.stream != kNoSlot) refresh_direct_route(state, source.stream);
  return true;
}

void remove_from_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route) {
  const RouteSlot& removed = state.memory.routes[route];
  assert(state.chunks[removed.fanout_chunk].routes[removed.fanout_entry] == route);
  FanoutChunk& first = state.chunks[source.first_chunk];
  place(state, first.routes[--first.count], removed.fanout_chunk, removed.fanout_entry);
  --source.route_count;
  if (removed.keeps) --source.keep_count;
  if (removed.keyframe_on_switch) --source.keyframe_count;
  if (first.count == 0) give_back_first_chunk(state, source);
  if (source.stream != kNoSlot) refresh_direct_route(state, source.stream);
}

void keep_packets_for(WorkerState& state, std::uint32_t route_slot) {
  RouteSlot& route = state.memory.routes[route_slot];
  if (route.keeps || route.source == kNoSlot) return;
  SourceSlot& source = state.memory.sources[route.source];
  route.keeps = true;
  ++source.keep_count;
  if (source.stream != kNoSlot) refresh_direct_route(state, source.stream);
}

}  // namespace sluice::dataplane
