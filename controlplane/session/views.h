// views: the objects as the API shows them: plain copies, with the workers' counters as they are now. Nothing
// is changed; control thread.
#pragma once

#include "controlplane/session/context.h"

namespace sluice::control {

EndpointState state_of(Context& context, const Endpoint& endpoint);
SessionView view_of(Context& context, const Session& session);
EndpointView view_of(Context& context, const Endpoint& endpoint);
RouteView view_of(Context& context, const Route& route);

}  // namespace sluice::control
