// webrtc_peer: what a webrtc endpoint has besides its slot: its ICE agent, its DTLS association, and the
// validated address pairs. A plain record; webrtc_transport changes it. Control thread only.
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
  // A validated pair, and the MAC that its checks came from.
  struct Path {
    IcePair pair;
    dataplane::MacAddress mac{};
  };

  WebrtcPeer(IceCredentials credentials, std::chrono::milliseconds consent_timeout,
             std::shared_ptr<const DtlsContext> dtls_context)
      : ice(std::move(credentials), consent_timeout), context(std::move(dtls_context)) {}

  /// Whether the peer has validated a pair.
  [[nodiscard]] bool under_way() const { return ice.pair_count() != 0; }
  /// nullptr when the pair is not validated.
  [[nodiscard]] Path* find(const IcePair& pair);
  /// Fills in the members of the view that only webrtc endpoints have.
  void describe(EndpointView& view, IceLite::TimePoint now) const;

  IceLite ice;
  std::unique_ptr<DtlsTransport> dtls;
  std::uint32_t association = 0;  // the number of `dtls`
  // A connected association, whose keys are in use until those of `dtls` are there. It hears nothing more and
  // only says goodbye.
  std::unique_ptr<DtlsTransport> former;
  std::vector<std::string> ufrags;  // our ufrags in use: two during an ICE restart
  std::string remote_ufrag;
  std::vector<DtlsFingerprint> fingerprints;      // the peer's; those of known algorithms, in order
  std::shared_ptr<const DtlsContext> context;     // with the certificate that the peer was told of
  std::vector<Path> paths;                        // validated; a shared port has a tuple of each
  std::optional<IcePair> current;                 // the pair that we send on
  std::optional<IcePair> awaited;                 // media moves there with the first authentic packet from it
  IcePair dtls_from;                              // the pair that the last datagram of DTLS came on
  std::optional<DtlsTransport::TimePoint> timer;  // its entry in WebrtcTransport::timers_
  IceLite::TimePoint last_check{};                // time of the peer's last valid check
  std::optional<IceLite::TimePoint> check_due;    // the peer is known; its first check must have come by then
};

}  // namespace sluice::control
