// fanout: the list of the routes of a source, in chunks from the worker's pool. Worker only; no allocation.
#pragma once

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// False when the pool is empty. This cannot happen within the configured number of routes.
[[nodiscard]] bool add_to_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route);
/// Does nothing when the source does not have the route. Takes time linear in the routes of the source.
void remove_from_fanout(WorkerState& state, SourceSlot& source, std::uint32_t route);

}  // namespace sluice::dataplane
