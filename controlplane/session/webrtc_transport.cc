#include "controlplane/session/webrtc_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "controlplane/base/log.h"
#include "controlplane/session/endpoint_keys.h"
#include "controlplane/session/errors.h"
#include "controlplane/session/names.h"

namespace sluice::control {
namespace {

constexpr std::chrono::milliseconds kShortest{5};  // least time between two ticks
constexpr std::chrono::seconds kLongest{1};
constexpr std::chrono::milliseconds kAliveWithoutConsent{15000};
constexpr std::size_t kTimersPerTurn = 64;           // each may send a flight of a handshake again
constexpr std::chrono::hours kRenewBefore{24 * 30};  // longer than any call that uses the old certificate
constexpr std::chrono::hours kRenewCheck{1};

// REQUIRES: check_peer() accepted them. Unknown algorithms are left out (RFC 8122 5).
std::vector<DtlsFingerprint> known_fingerprints(const std::vector<Fingerprint>& given) {
  std::vector<DtlsFingerprint> known;
  std::string error;
  for (const Fingerprint& fingerprint : given)
    if (auto one = DtlsFingerprint::parse(fingerprint.algorithm, fingerprint.value, error))
      known.push_back(std::move(*one));
  std::sort(known.begin(), known.end(), [](const DtlsFingerprint& a, const DtlsFingerprint& b) {
    return std::tie(a.hash, a.digest) < std::tie(b.hash, b.digest);
  });
  return known;
}

std::string cannot_install(crypto::SrtpProfile profile, const std::string& error) {
  return fmt::format("{} keys cannot be installed: {}", crypto::profile_info(profile).name, error);
}

}  // namespace

std::optional<RequestError> WebrtcTransport::prepare(Endpoint& endpoint) {
  if (dtls_ == nullptr) return refuse_state("DTLS is not set up in this daemon");
  endpoint.webrtc = std::make_unique<WebrtcPeer>(fresh_credentials(),
                                                 consent_timeout(endpoint.request.consent_timeout_ms), dtls_);
  auto error = associate(endpoint, endpoint.setup);
  if (error) endpoint.webrtc.reset();
  return error;
}

// Until the peer has chosen its role, it may begin (RFC 5763 5).
std::optional<RequestError> WebrtcTransport::associate(Endpoint& endpoint, DtlsSetup setup) {
  const config::Dtls& config = context_.options.config.dtls;
  WebrtcPeer& peer = *endpoint.webrtc;
  DtlsOptions options;
  options.role = setup == DtlsSetup::kActive ? DtlsRole::kActive : DtlsRole::kPassive;
  options.mtu = config.mtu;
  options.handshake_timeout = std::chrono::milliseconds(config.handshake_timeout_ms);
  std::string error;
  auto made = DtlsTransport::make(peer.context, options, callbacks(endpoint, peer.association + 1), error);
  if (!made) return refuse_internal(fmt::format("endpoint \"{}\": DTLS: {}", endpoint.id, error));
  if (endpoint.keys_ready && !peer.former) peer.former = std::move(peer.dtls);
  peer.dtls = std::move(made);
  ++peer.association;
  peer.dtls_from = {};
  return std::nullopt;
}

std::chrono::milliseconds WebrtcTransport::consent_timeout(const std::optional<std::uint32_t>& own) const {
  return std::chrono::milliseconds(own.value_or(context_.options.config.ice.consent_timeout_ms));
}

std::optional<RequestError> WebrtcTransport::choose_role(Endpoint& endpoint, DtlsSetup setup) {
  const bool active = setup == DtlsSetup::kActive;
  if (active == (endpoint.setup == DtlsSetup::kActive)) {
    endpoint.setup = setup;
    return std::nullopt;
  }
  WebrtcPeer& peer = *endpoint.webrtc;
  if (peer.dtls->state() != DtlsState::kNew)
    return refuse_late("dtls.setup", choice_name(setup),
                       fmt::format("{}: DTLS has begun so", active ? "passive" : "active"));
  if (auto error = associate(endpoint, setup)) return error;
  endpoint.setup = setup;
  tell_fingerprints(endpoint, std::vector(peer.fingerprints));
  return std::nullopt;
}

void WebrtcTransport::open(Endpoint& endpoint) {
  WebrtcPeer& peer = *endpoint.webrtc;
  admit(endpoint, peer.ice.credentials().ufrag);
  tell_fingerprints(endpoint, known_fingerprints(endpoint.request.fingerprints));
  if (!endpoint.request.ice_ufrag.empty()) meet(endpoint, endpoint.request.ice_ufrag);
}

IceCredentials WebrtcTransport::fresh_credentials() const {
  return make_ice_credentials(context_.options.random, [this](std::string_view ufrag) {
    return by_ufrag_.contains(std::string(ufrag));
  });
}

void WebrtcTransport::tell_fingerprints(Endpoint& endpoint, std::vector<DtlsFingerprint> fingerprints) {
  if (fingerprints.empty()) return;
  endpoint.webrtc->fingerprints = fingerprints;
  endpoint.webrtc->dtls->set_fingerprints(std::move(fingerprints), context_.now());
  arm(endpoint);
}

void WebrtcTransport::meet(Endpoint& endpoint, const std::string& ufrag) {
  WebrtcPeer& peer = *endpoint.webrtc;
  peer.remote_ufrag = ufrag;
  peer.check_due =
      context_.now() + std::chrono::milliseconds(context_.options.config.dtls.handshake_timeout_ms);
  for (const IcePair& pair : peer.ice.set_remote_ufrag(ufrag)) forget(endpoint, pair);
}

std::optional<RequestError> WebrtcTransport::connect(Endpoint& endpoint, const EndpointConnect& request) {
  WebrtcPeer& peer = *endpoint.webrtc;
  auto fingerprints = known_fingerprints(request.fingerprints);
  const bool others = !fingerprints.empty() && fingerprints != peer.fingerprints;
  const bool begun = peer.dtls->state() != DtlsState::kNew && !peer.fingerprints.empty();
  const bool anew = endpoint.failed || (others && begun);
  if (anew) {
    if (auto error = associate(endpoint, endpoint.setup)) return error;
    if (fingerprints.empty()) fingerprints = peer.fingerprints;
    endpoint.failed = false;
    endpoint.reason.clear();
    endpoint.text.clear();
    endpoint.last_alive = context_.now();
  }
  if (request.setup) {
    if (auto error = choose_role(endpoint, *request.setup)) return *error;
  }
  bool awaits_pair = false;
  if (!request.ice_ufrag.empty() && request.ice_ufrag != peer.remote_ufrag) {
    awaits_pair = anew && endpoint.keys_ready;  // the pairs there are lead to the former peer
    if (!peer.remote_ufrag.empty()) {
      IceCredentials credentials = fresh_credentials();
      admit(endpoint, credentials.ufrag);
      if (const auto retired = peer.ice.restart(std::move(credentials))) retire(endpoint, *retired);
    }
    meet(endpoint, request.ice_ufrag);
    choose_pair(endpoint);
  }
  if (request.consent_timeout_ms) peer.ice.set_consent_timeout(consent_timeout(request.consent_timeout_ms));
  if (others || anew) tell_fingerprints(endpoint, std::move(fingerprints));
  if (!awaits_pair && (peer.under_way() || (anew && peer.current))) peer.dtls->start(context_.now());
  arm(endpoint);
  return std::nullopt;
}

void WebrtcTransport::close(Endpoint& endpoint) {
  WebrtcPeer& peer = *endpoint.webrtc;
  while (!peer.ufrags.empty()) retire(endpoint, std::string(peer.ufrags.back()));
  end_former(endpoint);
  peer.dtls->close();
  while (!peer.paths.empty()) forget(endpoint, peer.paths.back().pair);
  if (peer.timer) timers_.erase({*peer.timer, &endpoint});
  peer.timer.reset();
}

void WebrtcTransport::admit(Endpoint& endpoint, const std::string& ufrag) {
  by_ufrag_.emplace(ufrag, &endpoint);
  endpoint.webrtc->ufrags.push_back(ufrag);
}

void WebrtcTransport::retire(Endpoint& endpoint, const std::string& ufrag) {
  by_ufrag_.erase(ufrag);
  std::erase(endpoint.webrtc->ufrags, ufrag);
}

Endpoint* WebrtcTransport::find_by_ufrag(const WorkerRecords& records, const Datagram& datagram) {
  const auto ufrag = peek_username_ufrag(datagram.payload);
  if (!ufrag) return nullptr;
  const auto found = by_ufrag_.find(*ufrag);
  if (found == by_ufrag_.end()) return nullptr;
  Endpoint* endpoint = found->second;
  // A ufrag is valid only where it was given: on the shared port of this worker, on this address.
  const bool here = endpoint->shared_port && endpoint->worker == records.index &&
                    endpoint->port_index == datagram.port_index && endpoint->local.address == datagram.to;
  return here ? endpoint : nullptr;
}

void WebrtcTransport::on_stun(const WorkerRecords& records, Endpoint* endpoint, const Datagram& datagram,
                              TimePoint now) {
  const auto view = StunView::parse(datagram.payload);
  // On a shared port the ufrag decides, even when another endpoint has the 5-tuple: a peer may start a new
  // call from the same port.
  if (view && (endpoint == nullptr || endpoint->shared_port)) {
    Endpoint* named = find_by_ufrag(records, datagram);
    if (named != nullptr || view->message_class() == StunClass::kRequest) endpoint = named;
  }
  if (!view || endpoint == nullptr || endpoint->removing || !endpoint->webrtc) {
    ++context_.totals.ice_dropped;
    return;
  }
  if (endpoint->shared_port && taken_by_another(*endpoint, datagram, now)) {
    ++context_.totals.ice_dropped;
    ++context_.totals.ice_tuples_refused;
    return;
  }
  WebrtcPeer& peer = *endpoint->webrtc;
  const IceOutcome outcome = peer.ice.on_request(*view, datagram.from, datagram.to, now);
  if (outcome.refusal != IceRefusal::kNone) {
    ++context_.totals.ice_dropped;
    log::debug("ICE check refused session={} endpoint={} from={} reason={}",
               log::value(endpoint->session->id), log::value(endpoint->id), datagram.from.to_string(),
               ice_refusal_name(outcome.refusal));
    if (!outcome.response.empty()) reply(*endpoint, datagram, outcome.response);
    return;
  }
  peer.last_check = now;
  if (outcome.retired_ufrag) retire(*endpoint, *outcome.retired_ufrag);
  if (outcome.evicted) forget(*endpoint, *outcome.evicted);
  validated(*endpoint, {datagram.to, datagram.from}, datagram.from_mac);
  choose_pair(*endpoint);
  reply(*endpoint, datagram, outcome.response);
  if (endpoint->failed) return;
  peer.dtls->start(now);
  arm(*endpoint);
}

void WebrtcTransport::on_dtls(Endpoint* endpoint, const Datagram& datagram, TimePoint now) {
  // A peer gets no handshake before a valid STUN check came from its address. So attackers cannot use sluice
  // to amplify traffic, and a ClientHello from another address cannot end a call (CVE-2023-51443).
  if (endpoint == nullptr || !endpoint->webrtc || endpoint->failed ||
      !endpoint->webrtc->ice.is_validated({datagram.to, datagram.from}, now)) {
    ++context_.totals.dtls_dropped;
    return;
  }
  endpoint->webrtc->dtls_from = {datagram.to, datagram.from};
  endpoint->webrtc->dtls->receive(datagram.payload, now);
  arm(*endpoint);
}

void WebrtcTransport::reply(const Endpoint& endpoint, const Datagram& asked,
                            std::span<const std::uint8_t> payload) {
  const auto mac = remotes_.way_back(endpoint.port_index, asked.from.ip, asked.from_mac);
  context_.inject_udp(endpoint, {context_.port(endpoint).mac, asked.to}, {mac, asked.from}, payload);
}

void WebrtcTransport::validated(Endpoint& endpoint, const IcePair& pair, const dataplane::MacAddress& mac) {
  WebrtcPeer& peer = *endpoint.webrtc;
  WebrtcPeer::Path* path = peer.find(pair);
  if (path == nullptr) {
    path = &peer.paths.emplace_back(WebrtcPeer::Path{pair, mac});
  } else {
    path->mac = mac;
  }
  Endpoint*& holder = tuples_[pair];
  if (holder == &endpoint) return;
  holder = &endpoint;  // may replace a silent endpoint: the worker has one entry per 5-tuple
  dataplane::Command bind;
  bind.kind = dataplane::CommandKind::kBindTuple;
  bind.ref = endpoint.ref;
  bind.tuple = {pair.remote, pair.local.port, endpoint.local_address};
  context_.records(endpoint).commands.send(bind);
}

void WebrtcTransport::forget(Endpoint& endpoint, const IcePair& pair) {
  WebrtcPeer& peer = *endpoint.webrtc;
  std::erase_if(peer.paths, [&](const WebrtcPeer::Path& path) { return path.pair == pair; });
  if (peer.current == pair) peer.current.reset();
  if (!peer.current) peer.ice.set_in_use(std::nullopt);
  const auto held = tuples_.find(pair);
  if (held == tuples_.end() || held->second != &endpoint) return;
  tuples_.erase(held);
  dataplane::Command unbind;
  unbind.kind = dataplane::CommandKind::kUnbindTuple;
  unbind.ref = endpoint.ref;
  unbind.tuple = {pair.remote, pair.local.port, endpoint.local_address};
  context_.records(endpoint).commands.send(unbind);
}

// Whether the 5-tuple belongs to another endpoint whose peer is alive there. A forged check would take that
// peer's media away. A new call from a port that is silent gets it.
bool WebrtcTransport::taken_by_another(const Endpoint& endpoint, const Datagram& datagram, TimePoint now) {
  const auto held = tuples_.find({datagram.to, datagram.from});
  if (held == tuples_.end() || held->second == &endpoint) return false;
  const Endpoint& holder = *held->second;
  if (holder.failed || holder.removing) return false;
  const auto consent = holder.webrtc->ice.consent_timeout();
  const auto period = consent.count() == 0 ? kAliveWithoutConsent : consent / 2;
  const IcePair pair{datagram.to, datagram.from};
  if (holder.webrtc->ice.checked_within(pair, period, now)) return true;
  if (holder.webrtc->current != pair) return false;
  const std::uint64_t heard = context_.slot(holder).last_received_tsc.read();
  return heard != 0 && context_.plane.tsc_now() - heard < context_.plane.tsc_hz() / 1000 * period.count();
}

void WebrtcTransport::use(Endpoint& endpoint, const WebrtcPeer::Path& path) {
  WebrtcPeer& peer = *endpoint.webrtc;
  peer.current = path.pair;
  peer.ice.set_in_use(peer.current);
  remotes_.select(endpoint, path.pair.remote, path.mac);
}

void WebrtcTransport::await(Endpoint& endpoint, const std::optional<IcePair>& pair) {
  WebrtcPeer& peer = *endpoint.webrtc;
  if (peer.awaited == pair) return;
  peer.awaited = pair;
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kAwaitRemote;
  command.ref = endpoint.ref;
  if (pair) command.tuple.remote = pair->remote;
  context_.records(endpoint).commands.send(command);
}

void WebrtcTransport::choose_pair(Endpoint& endpoint) {
  WebrtcPeer& peer = *endpoint.webrtc;
  const TimePoint now = context_.now();
  const auto selected = peer.ice.selected(now);
  const WebrtcPeer::Path* path = selected ? peer.find(*selected) : nullptr;
  // Before nomination the first pair stays, so that sending does not move between candidates.
  const bool stays =
      path == nullptr || path->pair == peer.current || (peer.current && peer.ice.nominated(now) != selected);
  if (!endpoint.keys_ready) {
    if (!stays) use(endpoint, *path);
    return;
  }
  if (!peer.current && endpoint.remote) remotes_.stop(endpoint);
  const bool asks_for_consent = peer.awaited && peer.awaited == peer.current;
  await(endpoint, !stays ? selected : asks_for_consent ? peer.current : std::nullopt);
}

void WebrtcTransport::on_moved(Endpoint& endpoint, const config::SocketAddress& remote) {
  WebrtcPeer& peer = *endpoint.webrtc;
  peer.awaited.reset();  // the worker waits no more
  const WebrtcPeer::Path* current = peer.current ? peer.find(*peer.current) : nullptr;
  const auto path = std::find_if(peer.paths.begin(), peer.paths.end(),
                                 [&](const WebrtcPeer::Path& known) { return known.pair.remote == remote; });
  // An older command may have reached the worker after it moved, so it is told again in any case. The pair
  // may have lost its consent meanwhile; then the worker must leave it.
  if (path != peer.paths.end()) {
    const bool is_new = path->pair != peer.current;
    peer.ice.refresh(path->pair, context_.now());
    use(endpoint, *path);
    if (is_new) context_.emit(endpoint, EndpointLatched{false, remote});
  } else if (current != nullptr) {
    use(endpoint, *current);
  } else {
    remotes_.stop(endpoint);
  }
  choose_pair(endpoint);
}

void WebrtcTransport::ask_for_consent(Endpoint& endpoint, TimePoint now) {
  const WebrtcPeer& peer = *endpoint.webrtc;
  if (!endpoint.keys_ready || !peer.current || peer.awaited) return;
  const auto timeout = peer.ice.consent_timeout();
  if (timeout.count() == 0 || peer.ice.checked_within(*peer.current, timeout / 2, now)) return;
  await(endpoint, peer.current);
}

DtlsTransport::Callbacks WebrtcTransport::callbacks(Endpoint& endpoint, std::uint32_t association) {
  DtlsTransport::Callbacks callbacks;
  callbacks.send = [this, &endpoint, association](std::span<const std::uint8_t> datagram) {
    send_dtls(endpoint, association, datagram);
  };
  callbacks.on_connected = [this, &endpoint](crypto::SrtpProfile profile, const crypto::MasterKey& send,
                                             const crypto::MasterKey& receive) {
    on_keys(endpoint, profile, send, receive);
  };
  // on_failed and on_closed run inside the transport, so the endpoint is removed later.
  callbacks.on_failed = [this, &endpoint](DtlsFailure failure, const std::string& text) {
    std::string reason(dtls_failure_name(failure));
    if (endpoint.keys_ready)
      context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, std::move(reason)});
    else
      context_.deferred.add(PendingFailure{endpoint.worker, endpoint.ref, std::move(reason), text});
  };
  callbacks.on_closed = [this, &endpoint] {
    context_.deferred.add(PendingRemoval{endpoint.worker, endpoint.ref, "closed_by_peer"});
  };
  return callbacks;
}

void WebrtcTransport::send_dtls(Endpoint& endpoint, std::uint32_t association,
                                std::span<const std::uint8_t> datagram) {
  WebrtcPeer& peer = *endpoint.webrtc;
  const DtlsState state = association == peer.association ? peer.dtls->state() : DtlsState::kConnected;
  const bool in_handshake = state == DtlsState::kNew || state == DtlsState::kHandshaking;
  // A flight answers the datagram before it, so a forged nomination does not lead it away. A new association
  // begins on a pair that media does not use yet.
  const WebrtcPeer::Path* path = in_handshake ? peer.find(peer.dtls_from) : nullptr;
  if (path == nullptr && in_handshake && peer.awaited) path = peer.find(*peer.awaited);
  if (path == nullptr && peer.current) path = peer.find(*peer.current);
  if (path == nullptr && peer.awaited) path = peer.find(*peer.awaited);
  if (path == nullptr) {
    ++context_.totals.dtls_dropped;  // the pair is gone; the peer sends again
    return;
  }
  const auto mac = remotes_.way_back(endpoint.port_index, path->pair.remote.ip, path->mac);
  context_.inject_udp(endpoint, {context_.port(endpoint).mac, path->pair.local}, {mac, path->pair.remote},
                      datagram);
}

void WebrtcTransport::on_keys(Endpoint& endpoint, crypto::SrtpProfile profile, const crypto::MasterKey& send,
                              const crypto::MasterKey& receive) {
  if (endpoint.removing) return;
  if (endpoint.keys_ready) return on_other_keys(endpoint, profile, send, receive);
  std::string error;
  if (!expand_keys(context_, endpoint, send, receive, error)) {
    // Fails this endpoint: the peer gets an alert, and on_failed does the rest.
    endpoint.webrtc->dtls->fail(cannot_install(profile, error));
    return;
  }
  endpoint.profile = profile;
  announce_keys(context_, endpoint);
  use_dtls_path(endpoint);
  remotes_.note_connected(endpoint);
}

void WebrtcTransport::on_other_keys(Endpoint& endpoint, crypto::SrtpProfile profile,
                                    const crypto::MasterKey& send, const crypto::MasterKey& receive) {
  std::string error;
  auto fresh = expand_fresh(context_, &send, &receive, error);
  if (!fresh) return endpoint.webrtc->dtls->fail(cannot_install(profile, error));
  end_former(endpoint);
  dataplane::EndpointTerms terms;
  terms.new_receive = terms.new_send = terms.send_restarts = true;
  terms.kind = endpoint.kind;
  terms.rtcp_mux = endpoint.rtcp_mux;
  terms.rtcp_port = endpoint.rtcp_port;
  exchange_keys(context_, endpoint, std::move(fresh), terms);
  endpoint.profile = profile;
  use_dtls_path(endpoint);
  context_.emit(endpoint, EndpointConnected{profile});
}

// Before media leaves the former peer's pair: the goodbye goes there.
void WebrtcTransport::end_former(Endpoint& endpoint) {
  const auto former = std::move(endpoint.webrtc->former);
  if (former) former->close();
}

void WebrtcTransport::use_dtls_path(Endpoint& endpoint) {
  WebrtcPeer& peer = *endpoint.webrtc;
  const WebrtcPeer::Path* path = peer.find(peer.dtls_from);
  if (path != nullptr && peer.current != path->pair) use(endpoint, *path);
  choose_pair(endpoint);
}

void WebrtcTransport::arm(Endpoint& endpoint) {
  WebrtcPeer& peer = *endpoint.webrtc;
  const auto due = endpoint.removing ? std::nullopt : peer.dtls->next_timeout();
  if (due == peer.timer) return;
  if (peer.timer) timers_.erase({*peer.timer, &endpoint});
  peer.timer = due;
  if (due) timers_.emplace(*due, &endpoint);
}

// The endpoints there are keep the certificate that their peers were told of.
void WebrtcTransport::renew_certificate(TimePoint now) {
  if (dtls_ == nullptr || now < next_renew_check_) return;
  next_renew_check_ = now + kRenewCheck;
  const DtlsCertificate& certificate = dtls_->certificate();
  if (!certificate.is_self_made() || !certificate.ends_within(kRenewBefore)) return;
  std::string error;
  if (auto renewed = dtls_->renewed(error)) {
    dtls_ = std::move(renewed);
    log::info("DTLS certificate renewed fingerprint={}", dtls_->certificate().sha256_fingerprint());
  } else {
    log::error("DTLS certificate cannot be renewed: {}", error);
  }
}

TimePoint WebrtcTransport::tick(TimePoint now) {
  renew_certificate(now);
  // Runs each due timer once. A timer that is due again at once waits for the next turn.
  std::vector<Endpoint*> due;
  auto timer = timers_.begin();
  for (; timer != timers_.end() && timer->first <= now && due.size() < kTimersPerTurn; ++timer)
    due.push_back(timer->second);
  const bool has_more = timer != timers_.end() && timer->first <= now;
  for (Endpoint* endpoint : due) {
    endpoint->webrtc->dtls->on_timer(now);
    arm(*endpoint);
  }
  if (has_more) return now;
  return timers_.empty() ? now + kLongest : std::max(timers_.begin()->first, now + kShortest);
}

void WebrtcTransport::expire(Endpoint& endpoint, TimePoint now) {
  for (const IcePair& pair : endpoint.webrtc->ice.expire(now)) forget(endpoint, pair);
  choose_pair(endpoint);
}

}  // namespace sluice::control
