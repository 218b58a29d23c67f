// idle_watch: finds endpoints and sessions that are out of use. Control thread only; time is passed in.
//
// An endpoint is alive while valid packets of its peer arrive: media or RTCP that passed its checks, or an
// ICE check with the right password. Packets that we send do not keep an endpoint alive, with one exception:
// an rtp or sdes endpoint whose address the operator has signalled may be a pure receiver, so packets to it
// count. They do not count when the address was only latched: if that peer falls silent, the endpoint is
// reclaimed even while others still send to it.
//
// An endpoint that is silent for limits.idle_timeout_s is reclaimed; 0 = never. The time runs from the
// creation or from the last sign of life. A failed endpoint stays that long after its failure, so that
// operators can see the reason. A webrtc endpoint whose consent has run out (RFC 7675) is removed at once. A
// session without endpoints is removed after the same time.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/table_scan.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class IdleWatch {
 public:
  IdleWatch(Context& context, WebrtcTransport& webrtc) : context_(context), webrtc_(webrtc) {}

  /// Adds what is idle to Context::deferred, and forgets ICE pairs without fresh checks. Returns when to call
  /// it again.
  TimePoint tick(TimePoint now);

 private:
  /// True when the endpoint must go.
  bool look(Endpoint& endpoint, TimePoint now);

  Context& context_;
  WebrtcTransport& webrtc_;
  TableScan walk_;
};

}  // namespace sluice::control
