#include "controlplane/session/objects.h"

#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {

// Here, where WebrtcPeer is complete.
Endpoint::Endpoint() = default;
Endpoint::~Endpoint() = default;

}  // namespace sluice::control
