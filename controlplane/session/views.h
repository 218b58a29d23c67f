// views: what the API shows of the objects: plain copies, with the counters as the workers have them now.
// Pure reading; control thread.
#pragma once

#include "controlplane/session/context.h"

namespace sluice::control {

SessionView view_of(const Session& session);
EndpointView view_of(Context& context, const Endpoint& endpoint);
RouteView view_of(Context& context, const Route& route);

}  // namespace sluice::control
