// commands: carries out what the control thread puts into the mailbox, in order. A command for a generation
// that has passed changes nothing and is counted; a removal is answered all the same. Worker only.
#pragma once

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// At most `budget` commands; stops earlier when an answer would not fit. Returns how many.
std::size_t run_commands(WorkerState& state, std::size_t budget);

}  // namespace sluice::dataplane
