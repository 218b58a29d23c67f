#include "controlplane/session/idle_watch.h"

#include <algorithm>

#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {
namespace {

constexpr std::size_t kRemovalCost = 32;       // of a removal, in looks (table_scan.h)
constexpr std::size_t kSessionsPerTurn = 128;  // the most that are removed

}  // namespace

TimePoint IdleWatch::tick(TimePoint now) {
  const TimePoint next = walk_.turn(
      now, context_.workers.size(),
      [&](std::size_t worker) { return context_.workers[worker]->endpoints.size(); },
      [&](std::size_t worker, std::size_t slot) {
        Endpoint* endpoint = context_.workers[worker]->endpoints[slot];
        const bool is_in_use = endpoint != nullptr && !endpoint->removing;
        return is_in_use && look(*endpoint, now) ? kRemovalCost : std::size_t{1};
      });
  const std::chrono::seconds timeout(context_.options.config.limits.idle_timeout_s);
  if (timeout.count() == 0) return next;
  std::size_t count = 0;
  for (Session* session : context_.registry.empty_sessions()) {
    if (now - session->empty_since < timeout) break;  // the rest have been empty for less
    if (session->removing) continue;
    if (count++ == kSessionsPerTurn) return now;
    context_.deferred.add(IdleSession{session->id});
  }
  return next;
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
    if (heard || (spoke && endpoint.remote_signalled)) endpoint.last_alive = now;
    if (endpoint.webrtc) {
      endpoint.last_alive = std::max(endpoint.last_alive, endpoint.webrtc->last_check);
      if (endpoint.webrtc->ice.consent_expired(now)) {
        context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, "consent_expired"});
        return true;
      }
      webrtc_.expire(endpoint, now);
    }
  }
  const std::chrono::seconds timeout(context_.options.config.limits.idle_timeout_s);
  if (timeout.count() == 0 || now - endpoint.last_alive < timeout) return false;
  context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, endpoint.failed ? "failed" : "idle"});
  return true;
}

}  // namespace sluice::control
