#include "controlplane/session/webrtc_peer.h"

#include <algorithm>

namespace sluice::control {

void WebrtcPeer::describe(EndpointView& view) const {
  view.fingerprint = own_fingerprint;
  view.consent_timeout_ms = static_cast<std::uint32_t>(ice.consent_timeout().count());
  view.ice_ufrag = ice.credentials().ufrag;
  view.ice_password = ice.credentials().password_text();
  // The words of RFC 8445, as in WebRTC's RTCIceTransportState: checking once a pair is valid, connected once
  // one is nominated.
  view.ice_state = ice.has_nomination() ? "connected" : ice.pair_count() != 0 ? "checking" : "new";
  view.dtls_state = dtls_state_name(dtls->state());
}

WebrtcPeer::Path* WebrtcPeer::find(const IcePair& pair) {
  const auto found =
      std::find_if(paths.begin(), paths.end(), [&](const Path& path) { return path.pair == pair; });
  return found == paths.end() ? nullptr : &*found;
}

}  // namespace sluice::control
