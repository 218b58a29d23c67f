#include "controlplane/session/webrtc_peer.h"

#include <algorithm>

namespace sluice::control {

void WebrtcPeer::describe(EndpointView& view, IceLite::TimePoint now) const {
  view.fingerprint = {"sha-256", context->certificate().sha256_fingerprint()};
  view.consent_timeout_ms = static_cast<std::uint32_t>(ice.consent_timeout().count());
  view.ice_ufrag = ice.credentials().ufrag;
  view.ice_password = ice.credentials().password_text();
  // The words of RFC 8445, as in WebRTC's RTCIceTransportState: checking once a pair is valid, connected once
  // one is nominated.
  view.ice_state = ice.has_nomination() ? "connected" : ice.pair_count() != 0 ? "checking" : "new";
  view.dtls_state = dtls_state_name(dtls->state());
  if (check_due && now >= *check_due && !under_way() && view.text.empty())
    view.text =
        "no valid ICE check has come; sluice is an ICE-lite agent and sends none, so the peer must be a full "
        "ICE "
        "agent (RFC 8445 6.1.1)";
  for (std::size_t i = 1; i < kIceRefusals; ++i) {
    const auto refusal = static_cast<IceRefusal>(i);
    if (ice.refused(refusal) != 0)
      view.ice_refused.emplace_back(ice_refusal_name(refusal), ice.refused(refusal));
  }
  const DtlsTransport::Counters& counters = dtls->counters();
  view.dtls_datagrams_refused = counters.datagrams_refused;
  view.dtls_records_refused = counters.records_refused;
  view.dtls_retransmissions = counters.retransmissions;
}

WebrtcPeer::Path* WebrtcPeer::find(const IcePair& pair) {
  const auto found =
      std::find_if(paths.begin(), paths.end(), [&](const Path& path) { return path.pair == pair; });
  return found == paths.end() ? nullptr : &*found;
}

}  // namespace sluice::control
