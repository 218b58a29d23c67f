// peer_plan: checks what an endpoint.connect says of the peer of an rtp or sdes endpoint against the
// endpoint, and fills in what it leaves as it is. The result is the peer's whole side, or the first error.
// Pure functions; control thread.
//
// Everything that an SDP answer decides may be decided again as long as the endpoint lives: the keys of
// either side (RFC 4568 7.1.4), the profile, whether the peer speaks SRTP at all (RFC 8643), RTCP on the RTP
// port or on the next one (RFC 5761 5.1.1), and the address.
#pragma once

#include <span>
#include <variant>

#include "controlplane/session/objects.h"

namespace sluice::control {

struct PeerPlan {
  dataplane::EndpointKind kind{};
  dataplane::LatchPolicy latch{};
  bool latch_deadline = false;  // kOnce may latch within media.latch_window_ms only
  bool rtcp_mux = false;
  std::optional<RemoteAddress> remote;  // with its rtcp_port filled in; unset: as before
  // Of kind sdes; else as before.
  std::optional<crypto::SrtpProfile> profile;
  SrtpKeyBytes receive_key;  // empty: not known yet
  SrtpKeyBytes send_key;     // empty: one must be made
  Mki receive_mki, send_mki;
  bool new_receive = false;    // the worker has another receive key, or none
  bool new_send = false;       // the worker has another send key, or none
  bool send_restarts = false;  // the send key has sealed nothing yet
};

/// `profiles`: the profiles that may be used, in order of preference. REQUIRES: the endpoint is of kind rtp
/// or sdes, and check(request) found nothing.
[[nodiscard]] std::variant<PeerPlan, RequestError> plan_peer(const Endpoint& endpoint,
                                                             const EndpointConnect& request,
                                                             std::span<const crypto::SrtpProfile> profiles);

/// What an endpoint remembers of a send key that it no longer uses.
[[nodiscard]] KeyDigest digest_of(const SrtpKeyBytes& key);

}  // namespace sluice::control
