#include "controlplane/session/idle_watch.h"

#include <algorithm>
#include <utility>

#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {
namespace {

using Seconds = std::chrono::seconds;

constexpr std::size_t kActCost = 32;  // of a removal or a warning, in looks (table_scan.h)
constexpr std::size_t kSessionsPerTurn = 2048;
constexpr Seconds kWarning{30};  // before the end; half of the time where that is shorter

/// How long before the end the warning comes.
Seconds warning_of(Seconds timeout) {
  return std::min(kWarning, timeout / 2);
}

std::uint32_t whole_seconds(TimePoint::duration left) {
  return static_cast<std::uint32_t>(std::max(std::chrono::ceil<Seconds>(left), Seconds(0)).count());
}

}  // namespace

TimePoint IdleWatch::tick(TimePoint now) {
  const TimePoint next = walk_.turn(
      now, context_.workers.size(),
      [&](std::size_t worker) { return context_.workers[worker]->endpoints.size(); },
      [&](std::size_t worker, std::size_t slot) {
        Endpoint* endpoint = context_.workers[worker]->endpoints[slot];
        const bool is_in_use = endpoint != nullptr && !endpoint->removing;
        return is_in_use && look(*endpoint, now) ? kActCost : std::size_t{1};
      });
  return scan_sessions(now) ? std::min(next, next_sessions_) : now;
}

void IdleWatch::signalled(Session& session, TimePoint now) {
  session.last_alive = now;
}

void IdleWatch::signalled(Endpoint& endpoint, TimePoint now) {
  if (!endpoint.failed) endpoint.last_alive = now;
  signalled(*endpoint.session, now);
}

void IdleWatch::lease(Session& session, std::uint32_t lease_s, TimePoint now) {
  session.lease_s = lease_s;
  session.lease_until = now + Seconds(lease_s);
  session.is_warned = false;
}

bool IdleWatch::scan_sessions(TimePoint now) {
  if (now < next_sessions_) return true;
  const Registry::Sessions& sessions = context_.registry.sessions();
  std::size_t spent = 0;
  for (auto at = sessions.upper_bound(last_session_); at != sessions.end(); ++at) {
    if (spent >= kSessionsPerTurn) return false;
    last_session_ = at->first;
    spent += !at->second->removing && look(*at->second, now) ? kActCost : 1;
  }
  last_session_.clear();
  next_sessions_ = now + TableScan::kPeriod;
  return true;
}

bool IdleWatch::look(Session& session, TimePoint now) {
  bool has_warned = false;
  if (session.lease_s != 0) {
    const auto left = session.lease_until - now;
    if (left <= Seconds(0)) {
      context_.deferred.add(SessionEnd{session.id, "lease"});
      return true;
    }
    has_warned = left <= warning_of(Seconds(session.lease_s)) && !std::exchange(session.is_warned, true);
    if (has_warned) context_.emit(session, SessionExpiring{whole_seconds(left)});
  }
  const Seconds timeout(context_.idle_timeout_s(session));
  if (!session.endpoints.empty() || timeout.count() == 0) return has_warned;
  if (now - std::max(session.empty_since, session.last_alive) < timeout) return has_warned;
  context_.deferred.add(SessionEnd{session.id, "idle"});
  return true;
}

bool IdleWatch::look(Endpoint& endpoint, TimePoint now) {
  const dataplane::EndpointSlot& slot = context_.slot(endpoint);
  const std::uint64_t received = slot.last_received_tsc.read();
  const std::uint64_t sent = slot.packets_sent.read();
  const bool heard = received != endpoint.seen_received_tsc;
  const bool spoke = sent != endpoint.seen_sent;
  endpoint.seen_received_tsc = received;
  endpoint.seen_sent = sent;
  if (heard || spoke) {
    endpoint.ever_flowed = true;
    endpoint.last_flow = now;
  }
  if (!endpoint.failed) {
    if (heard || (spoke && endpoint.signalled)) endpoint.last_alive = now;
    if (endpoint.webrtc) {
      endpoint.last_alive = std::max(endpoint.last_alive, endpoint.webrtc->last_check);
      if (heard) webrtc_.ask_for_consent(endpoint, now);
      if (endpoint.webrtc->ice.consent_expired(now)) {
        context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, "consent_expired"});
        return true;
      }
      webrtc_.expire(endpoint, now);
    }
    endpoint.session->last_alive = std::max(endpoint.session->last_alive, endpoint.last_alive);
  }
  return judge(endpoint, now);
}

bool IdleWatch::judge(Endpoint& endpoint, TimePoint now) {
  const Seconds timeout(context_.idle_timeout_s(endpoint));
  if (timeout.count() == 0) return false;
  const bool alone = endpoint.failed || endpoint.idle_timeout_s.has_value();
  auto left = timeout - (now - (alone ? endpoint.last_alive : endpoint.session->last_alive));
  // The others of the session may be looked at after this one.
  if (!alone && endpoint.session->endpoints.size() > 1) left += TableScan::kPeriod;
  if (left <= Seconds(0)) {
    context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, endpoint.failed ? "failed" : "idle"});
    return true;
  }
  const bool is_late = left <= warning_of(timeout);
  const bool must_warn = is_late && !endpoint.is_warned && !endpoint.failed;
  if (must_warn) context_.emit(endpoint, EndpointIdle{whole_seconds(left)});
  endpoint.is_warned = is_late;
  return must_warn;
}

}  // namespace sluice::control
