// latch: where we send follows where authentic media comes from, as far as the endpoint's policy allows.
// Worker only.
#pragma once

#include "dataplane/batch.h"

namespace sluice::dataplane {

/// From now on the endpoint sends that component to where `header` leads.
void aim(EndpointSlot& endpoint, Component component, const HeaderTemplate& header);

/// Before anything else is done with a plain packet: may it come from there at all? Moves nothing.
bool source_allowed(const WorkerState& state, const MediaPacket& packet);

/// After the packet proved authentic (or, for plain RTP, allowed) and the newest of its stream.
void latch(WorkerState& state, const MediaPacket& packet);

}  // namespace sluice::dataplane
