// idle_watch: finds endpoints and sessions that are out of use. Control thread only; time is passed in.
//
// An endpoint is alive while valid packets of its peer arrive: media or RTCP that passed its checks, or an
// ICE check with the right password. Packets that we send do not keep an endpoint alive, with one exception:
// an rtp or sdes endpoint whose address the operator has signalled may be a pure receiver, so packets to it
// count. They do not count when the address was only latched: if that peer falls silent, the endpoint is
// reclaimed even while others still send to it.
//
// Signalling is a sign of life too: whatever names the endpoint or a route of it.
//
// A session lives while any of its endpoints gives a sign of life, and its endpoints live with it: a call on
// hold, or one where a side only listens, is no reason to take a leg away. An endpoint with an idle timeout
// of its own is judged by itself instead, which is for rooms that outlive their participants.
//
// Without a sign of life for the idle timeout the endpoint is reclaimed; 0 = never. EndpointIdle warns of it.
// A failed endpoint stays that long after its failure, so that operators can see the reason. A webrtc
// endpoint whose consent has run out (RFC 7675) is removed at once. A session without endpoints is removed
// after its idle timeout.
//
// The controller may take a lease of a session. When it does not renew the lease in time, the session ends,
// whether media flows or not: nothing else would end it. SessionExpiring warns of it.
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

  /// A sign of life from signalling.
  static void signalled(Session& session, TimePoint now);
  static void signalled(Endpoint& endpoint, TimePoint now);
  /// Begins the lease anew, with `lease_s` seconds; 0 = no lease.
  static void lease(Session& session, std::uint32_t lease_s, TimePoint now);

 private:
  /// Looks at some of the sessions. False when there are more.
  bool scan_sessions(TimePoint now);
  /// Looks for signs of life. True when it did more than look: the object must go, or a warning was sent.
  bool look(Session& session, TimePoint now);
  bool look(Endpoint& endpoint, TimePoint now);
  /// The same, by the time that the endpoint has left.
  bool judge(Endpoint& endpoint, TimePoint now);

  Context& context_;
  WebrtcTransport& webrtc_;
  TableScan walk_;
  TimePoint next_sessions_{};
  std::string last_session_;  // that scan_sessions() looked at
};

}  // namespace sluice::control
