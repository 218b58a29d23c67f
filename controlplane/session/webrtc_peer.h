// webrtc_peer: what a webrtc endpoint has besides its slot: its ICE agent, its DTLS association, and which of
// the validated pairs the worker knows. A plain record, which webrtc_transport changes. Control thread only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/protocol/dtls/dtls_transport.h"
#include "controlplane/protocol/ice/ice_lite.h"
#include "controlplane/session/model.h"
#include "dataplane/wire/header_template.h"

namespace sluice::control {

struct WebrtcPeer {
  // A pair that checks validated, and the MAC that they came from.
  struct Path {
    IcePair pair;
    dataplane::MacAddress mac{};
  };

  WebrtcPeer(IceCredentials credentials, std::chrono::milliseconds consent_timeout)
      : ice(std::move(credentials), consent_timeout) {}

  /// ICE or DTLS has begun.
  [[nodiscard]] bool under_way() const { return ice.pair_count() != 0; }
  /// nullptr when the pair is not validated.
  [[nodiscard]] Path* find(const IcePair& pair);
  /// Fills in the parts of the view that are webrtc's.
  void describe(EndpointView& view) const;

  IceLite ice;
  std::unique_ptr<DtlsTransport> dtls;
  std::vector<std::string> ufrags;  // ours that lead here: two while an ICE restart is under way
  std::string remote_ufrag;
  std::vector<Fingerprint> fingerprints;  // the peer's
  std::vector<Path> paths;                // validated; on a shared port the worker has a tuple for each
  std::optional<IcePair> current;         // where we send
  std::optional<DtlsTransport::TimePoint> timer;  // as it stands in WebrtcTransport's timers
  Fingerprint own_fingerprint;
  IceLite::TimePoint last_check{};  // of the peer's that held
};

}  // namespace sluice::control
