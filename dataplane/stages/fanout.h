// fanout: the list of the routes of a source, in chunks from the worker's pool. A route knows its place in
// the list, so its removal costs the same in a large fan-out as in a small one. Worker only; no allocation.
#pragma once

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// False when the pool is empty. This cannot happen within the configured number of routes.
[[nodiscard]] bool add_to_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route);
/// A route of the first chunk takes its place. REQUIRES: the source has the route.
void remove_from_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route);
/// From now on the packets of the route's source go into the packet cache.
void keep_packets_for(WorkerState& state, std::uint32_t route);

}  // namespace sluice::dataplane
