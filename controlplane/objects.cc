// objects: see the header. Control thread only.
#include "controlplane/objects.h"

#include "controlplane/webrtc_peer.h"

namespace sluice::control {

// Here, where WebrtcPeer is complete.
Endpoint::Endpoint() = default;
Endpoint::~Endpoint() = default;

}  // namespace sluice::control
