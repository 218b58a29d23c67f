// commands: carries out the commands in the mailbox, in order. A command for a generation that has passed
// changes nothing and is counted. A removal is answered in any case. Worker only.
#pragma once

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Carries out at most `budget` commands, and returns how many. Stops early when an answer might not fit into
/// the ring of notes.
std::size_t run_commands(WorkerState& state, std::size_t budget);

}  // namespace sluice::dataplane
