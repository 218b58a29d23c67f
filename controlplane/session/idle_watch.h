// idle_watch: finds endpoints and sessions that are out of use. Control thread only; time is passed in.
//
// An endpoint lives while something from its peer arrives and holds up: media or RTCP that passed its checks,
// or an ICE check with the right password. Packets that we send keep no endpoint alive, with one exception:
// an rtp or sdes endpoint whose address the operator has signalled may rightly only receive, so a stream that
// is sent to it counts. An endpoint whose address was merely latched, and whose peer fell silent, is
// reclaimed even while others still send to it. Silence is counted from the creation or the last sign of
// life: `limits.idle_timeout_s`, 0 = for ever. A failed endpoint stays that long for people to see. A webrtc
// endpoint whose consent has run out (RFC 7675) goes at once. A session without endpoints goes after the same
// time.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/table_scan.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class IdleWatch {
 public:
  IdleWatch(Context& context, WebrtcTransport& webrtc) : context_(context), webrtc_(webrtc) {}

  /// Forgets ICE pairs that went stale. What is idle is added to Context::deferred. Returns when to come
  /// again.
  TimePoint tick(TimePoint now);

 private:
  void look(Endpoint& endpoint, TimePoint now);

  Context& context_;
  WebrtcTransport& webrtc_;
  TableScan walk_;
};

}  // namespace sluice::control
