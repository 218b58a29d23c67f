#include "controlplane/session/objects.h"

#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {

// These need the complete type WebrtcPeer.
Endpoint::Endpoint() = default;
Endpoint::~Endpoint() = default;

}  // namespace sluice::control
