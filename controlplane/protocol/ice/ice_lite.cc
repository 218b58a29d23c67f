#include "controlplane/protocol/ice/ice_lite.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice::control {
namespace {

// 64 ice-chars, so that six random bits choose one of them, all with the same probability.
constexpr std::string_view kIceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <std::size_t N>
std::array<std::uint8_t, N> random_ice_chars(const RandomSource& random) {
  std::array<std::uint8_t, N> text{};
  random(text);
  for (std::uint8_t& c : text) c = static_cast<std::uint8_t>(kIceChars[c & 0x3f]);
  return text;
}

struct ErrorAnswer {
  std::uint16_t code;  // 0: no response
  std::string_view reason;
  bool authenticated;  // carries MESSAGE-INTEGRITY; only for a peer that used the right password
};

ErrorAnswer answer_of(IceRefusal refusal) {
  switch (refusal) {
    case IceRefusal::kNoCredentials:
      return {400, "Bad Request", false};
    case IceRefusal::kMalformedUsername:
    case IceRefusal::kWrongLocalUfrag:
    case IceRefusal::kWrongRemoteUfrag:
    case IceRefusal::kBadIntegrity:
      return {401, "Unauthenticated", false};
    case IceRefusal::kUnknownAttribute:
      return {420, "Unknown Attribute", true};
    case IceRefusal::kBadRole:
      return {400, "Bad Request", true};
    case IceRefusal::kRoleConflict:
      return {487, "Role Conflict", true};
    case IceRefusal::kNone:
    case IceRefusal::kNotARequest:
    case IceRefusal::kNotBinding:
    case IceRefusal::kNoFingerprint:
    case IceRefusal::kBadFingerprint:
      break;
  }
  return {0, {}, false};
}

std::vector<std::uint8_t> error_response(const StunView& view, const ErrorAnswer& answer,
                                         std::string_view reason, std::string_view password) {
  StunWriter writer(StunClass::kError, view.method(), view.transaction_id());
  writer.add_error_code(answer.code, reason);
  if (answer.code == 420) writer.add_unknown_attributes(view.unknown_required());
  if (answer.authenticated) writer.add_message_integrity(password);
  writer.add_fingerprint();
  return writer.take();
}

// An ICE-lite agent is the controlled one when its peer is a full agent (RFC 8445 6.1.1), and only full
// agents send checks. So a peer that says it is controlled is wrong, whatever its tie-breaker (7.3.1.1).
IceRefusal check_role(const StunView& view) {
  const bool controlling = view.has(StunAttribute::kIceControlling);
  const bool controlled = view.has(StunAttribute::kIceControlled);
  if (controlling && controlled) return IceRefusal::kBadRole;
  if (controlling && !view.ice_controlling()) return IceRefusal::kBadRole;
  if (controlled && !view.ice_controlled()) return IceRefusal::kBadRole;
  return controlled ? IceRefusal::kRoleConflict : IceRefusal::kNone;
}

}  // namespace

IceCredentials make_ice_credentials(const RandomSource& random,
                                    const std::function<bool(std::string_view ufrag)>& taken) {
  IceCredentials credentials;
  do {
    const auto ufrag = random_ice_chars<kIceUfragChars>(random);
    credentials.ufrag.assign(ufrag.begin(), ufrag.end());
  } while (taken(credentials.ufrag));
  auto password = random_ice_chars<kIcePasswordChars>(random);
  credentials.password.assign(password);
  crypto::wipe(password.data(), password.size());
  return credentials;
}

std::optional<std::string> peek_username_ufrag(std::span<const std::uint8_t> packet) {
  const auto view = StunView::parse(packet);
  if (!view || view->message_class() != StunClass::kRequest) return std::nullopt;
  const auto username = view->username();
  if (!username) return std::nullopt;
  const auto colon = username->find(':');
  if (colon == std::string_view::npos || !kIceUfrag.fits(username->substr(0, colon))) return std::nullopt;
  return std::string(username->substr(0, colon));
}

std::string_view ice_refusal_name(IceRefusal refusal) {
  switch (refusal) {
    case IceRefusal::kNone:
      return "none";
    case IceRefusal::kNotARequest:
      return "not_a_request";
    case IceRefusal::kNotBinding:
      return "not_binding";
    case IceRefusal::kNoFingerprint:
      return "no_fingerprint";
    case IceRefusal::kBadFingerprint:
      return "bad_fingerprint";
    case IceRefusal::kNoCredentials:
      return "no_credentials";
    case IceRefusal::kMalformedUsername:
      return "malformed_username";
    case IceRefusal::kWrongLocalUfrag:
      return "wrong_local_ufrag";
    case IceRefusal::kWrongRemoteUfrag:
      return "wrong_remote_ufrag";
    case IceRefusal::kBadIntegrity:
      return "bad_integrity";
    case IceRefusal::kUnknownAttribute:
      return "unknown_attribute";
    case IceRefusal::kBadRole:
      return "bad_role";
    case IceRefusal::kRoleConflict:
      return "role_conflict";
  }
  return "unknown";
}

IceLite::IceLite(IceCredentials credentials, std::chrono::milliseconds consent_timeout)
    : current_{0, std::move(credentials), std::nullopt}, consent_timeout_(consent_timeout) {
  pairs_.reserve(kIceMaxPairs);
}

std::vector<IcePair> IceLite::set_remote_ufrag(std::string ufrag) {
  std::vector<IcePair> forgotten;
  // Pairs of the generation before a restart stay: media uses them until the new generation has its own.
  std::erase_if(pairs_, [&](const Pair& pair) {
    if (pair.generation != current_.id || pair.remote_ufrag == ufrag) return false;
    forgotten.push_back(pair.addresses);
    return true;
  });
  current_.remote_ufrag = std::move(ufrag);
  return forgotten;
}

std::optional<std::string> IceLite::restart(IceCredentials credentials) {
  std::optional<std::string> retired;
  if (previous_) retired = previous_->credentials.ufrag;
  const std::uint32_t id = current_.id + 1;
  previous_ = std::move(current_);
  current_ = {id, std::move(credentials), std::nullopt};
  return retired;
}

IceLite::Username IceLite::check_username(const StunView& view) const {
  const std::string_view username = view.username().value_or(std::string_view{});
  const auto colon = username.find(':');
  if (colon == std::string_view::npos) return {IceRefusal::kMalformedUsername};
  const std::string_view local = username.substr(0, colon);
  const std::string_view remote = username.substr(colon + 1);
  if (!kIceUfrag.fits(local) || !kIceUfrag.fits(remote)) return {IceRefusal::kMalformedUsername};
  const bool previous = previous_ && local == previous_->credentials.ufrag;
  if (!previous && local != current_.credentials.ufrag) return {IceRefusal::kWrongLocalUfrag};
  const Generation& generation = previous ? *previous_ : current_;
  // A peer that answers the offer of before, with which we told it the previous credentials, is the new one.
  if (previous && remote == current_.remote_ufrag) return {IceRefusal::kNone, previous, current_.id, remote};
  if (generation.remote_ufrag && remote != *generation.remote_ufrag)
    return {IceRefusal::kWrongRemoteUfrag, previous, generation.id, {}};
  return {IceRefusal::kNone, previous, generation.id, remote};
}

// The order of RFC 8489 9.1.3, with FINGERPRINT first: without a right one a datagram is not STUN for us (RFC
// 8445 7.1).
IceOutcome IceLite::on_request(const StunView& view, const config::SocketAddress& from,
                               const config::SocketAddress& to, TimePoint now) {
  if (!view.has(StunAttribute::kFingerprint)) return refuse(view, IceRefusal::kNoFingerprint);
  if (!view.fingerprint_ok()) return refuse(view, IceRefusal::kBadFingerprint);
  if (view.message_class() != StunClass::kRequest) return refuse(view, IceRefusal::kNotARequest);
  if (view.method() != kStunBinding) return refuse(view, IceRefusal::kNotBinding);
  if (!view.has(StunAttribute::kUsername) || !view.has(StunAttribute::kMessageIntegrity))
    return refuse(view, IceRefusal::kNoCredentials);
  const Username username = check_username(view);
  if (username.refusal != IceRefusal::kNone) return refuse(view, username.refusal);
  const std::string_view password = (username.previous ? *previous_ : current_).credentials.password_text();
  if (!view.integrity_ok(password)) return refuse(view, IceRefusal::kBadIntegrity);
  if (!view.unknown_required().empty()) return refuse(view, IceRefusal::kUnknownAttribute, password);
  const IceRefusal role = check_role(view);
  if (role != IceRefusal::kNone) return refuse(view, role, password);

  StunWriter writer(StunClass::kResponse, kStunBinding, view.transaction_id());
  writer.add_xor_mapped_address(from);
  writer.add_message_integrity(password);
  writer.add_fingerprint();
  IceOutcome outcome;
  outcome.response = writer.take();
  accept({to, from}, username.generation, username.remote, view, now, outcome);
  if (!username.previous && previous_) {
    outcome.retired_ufrag = previous_->credentials.ufrag;
    previous_.reset();
  }
  return outcome;
}

IceOutcome IceLite::refuse(const StunView& view, IceRefusal refusal, std::string_view password) {
  ++refused_[static_cast<std::size_t>(refusal)];
  IceOutcome outcome;
  outcome.refusal = refusal;
  const ErrorAnswer answer = answer_of(refusal);
  if (answer.code == 0) return outcome;
  outcome.response = error_response(view, answer, answer.reason, password);
  // A forged source address must not make us send more bytes than we received. First the reason phrase is
  // left out, then the whole response.
  if (!answer.authenticated && outcome.response.size() > view.size())
    outcome.response = error_response(view, answer, {}, password);
  if (!answer.authenticated && outcome.response.size() > view.size()) {
    outcome.response.clear();
    ++kept_back_;
  }
  return outcome;
}

void IceLite::accept(const IcePair& addresses, std::uint32_t generation, std::string_view remote_ufrag,
                     const StunView& view, TimePoint now, IceOutcome& outcome) {
  const std::optional<IcePair> before = nominated(now);
  const auto known = std::find_if(pairs_.begin(), pairs_.end(),
                                  [&](const Pair& pair) { return pair.addresses == addresses; });
  Pair& pair = known != pairs_.end() ? *known : insert(addresses, now, outcome);
  if (pair.generation != generation) pair.nomination = 0;  // a restart nominates anew
  pair.generation = generation;
  pair.remote_ufrag.assign(remote_ufrag);
  pair.checked_at = now;
  pair.priority = view.priority().value_or(0);
  pair.still_nominating = view.use_candidate();
  if (!pair.still_nominating) return;
  pair.nominated_at = now;
  pair.nomination = ++nominations_;
  outcome.nominated = before != addresses && nominated(now) == addresses;
}

IceLite::Pair& IceLite::insert(const IcePair& addresses, TimePoint now, IceOutcome& outcome) {
  if (pairs_.size() == kIceMaxPairs) {
    // Removes the pair that was checked longest ago, and never the selected one or the one in use, which
    // compare as the newest.
    const Pair* kept = selected_pair(now);
    const auto rank = [&](const Pair& pair) {
      return std::pair(&pair == kept || pair.addresses == in_use_, pair.checked_at);
    };
    const auto oldest = std::min_element(pairs_.begin(), pairs_.end(),
                                         [&](const Pair& a, const Pair& b) { return rank(a) < rank(b); });
    outcome.evicted = oldest->addresses;
    pairs_.erase(oldest);
  }
  outcome.validated = true;
  Pair& pair = pairs_.emplace_back();
  pair.addresses = addresses;
  return pair;
}

void IceLite::refresh(const IcePair& pair, TimePoint now) {
  for (Pair& known : pairs_)
    if (known.addresses == pair) known.checked_at = std::max(known.checked_at, now);
}

bool IceLite::is_validated(const IcePair& pair, TimePoint now) const {
  return std::any_of(pairs_.begin(), pairs_.end(),
                     [&](const Pair& known) { return known.addresses == pair && fresh(known, now); });
}

bool IceLite::checked_within(const IcePair& pair, std::chrono::milliseconds period, TimePoint now) const {
  return std::any_of(pairs_.begin(), pairs_.end(), [&](const Pair& known) {
    return known.addresses == pair && now - known.checked_at < period;
  });
}

bool IceLite::outranks(const Pair& earlier, const Pair& later, TimePoint now) const {
  return earlier.still_nominating && earlier.generation == later.generation && fresh(earlier, now) &&
         later.nominated_at - earlier.nominated_at < kIceNominationHold && earlier.priority > later.priority;
}

const IceLite::Pair* IceLite::selected_pair(TimePoint now) const {
  const auto rank = [&](const Pair& pair) {
    return std::tuple(pair.nomination != 0, fresh(pair, now), pair.generation, pair.nomination,
                      pair.checked_at);
  };
  const auto last = std::max_element(pairs_.begin(), pairs_.end(),
                                     [&](const Pair& a, const Pair& b) { return rank(a) < rank(b); });
  if (last == pairs_.end()) return nullptr;
  const Pair* best = &*last;
  if (best->nomination == 0) return best;
  for (const Pair& pair : pairs_)
    if (pair.nomination != 0 && outranks(pair, *last, now) &&
        std::pair(pair.priority, pair.nomination) > std::pair(best->priority, best->nomination))
      best = &pair;
  return best;
}

std::optional<IcePair> IceLite::selected(TimePoint now) const {
  const Pair* pair = selected_pair(now);
  return pair == nullptr ? std::nullopt : std::optional(pair->addresses);
}

std::optional<IcePair> IceLite::nominated(TimePoint now) const {
  const Pair* pair = selected_pair(now);
  return pair == nullptr || pair->nomination == 0 ? std::nullopt : std::optional(pair->addresses);
}

bool IceLite::has_nomination() const {
  return std::any_of(pairs_.begin(), pairs_.end(), [](const Pair& pair) { return pair.nomination != 0; });
}

bool IceLite::consent_expired(TimePoint now) const {
  const Pair* pair = selected_pair(now);
  return pair != nullptr && !fresh(*pair, now);
}

std::vector<IcePair> IceLite::expire(TimePoint now) {
  std::vector<IcePair> forgotten;
  const std::optional<IcePair> kept = selected(now);
  std::erase_if(pairs_, [&](const Pair& pair) {
    if (fresh(pair, now) || pair.addresses == *kept) return false;
    forgotten.push_back(pair.addresses);
    return true;
  });
  return forgotten;
}

}  // namespace sluice::control
