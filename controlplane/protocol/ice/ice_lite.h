// ice_lite: the ICE-lite agent of one endpoint (RFC 8445 2.5 and 7.3, RFC 8839 credentials, RFC 7675
// consent). It answers the peer's connectivity checks, keeps the address pairs that they validated, selects
// one of those that the peer nominated, and says when the peer's consent has run out. It sends no checks and
// is always the controlled side.
//
// Which nomination counts: agents of RFC 8445 nominate one pair, and another one when they move. Agents of
// RFC 5245 may set USE-CANDIDATE in every check ("aggressive nomination"); then the highest priority counts.
// So a nominated pair keeps its rank against later nominations of a lower priority only as long as the peer
// goes on nominating it: its last check had USE-CANDIDATE and is at most kIceNominationHold older than the
// later nomination. Otherwise, and between equal priorities, the last nomination counts.
//
// Thread: control. Time and random bytes are passed in. It has no socket: the caller sends the response, from
// the address that was asked (`to`) to the address that the request came from (`from`).
//
// Invariants: a datagram changes state only when its FINGERPRINT, USERNAME and MESSAGE-INTEGRITY are right.
// An unauthenticated request gets an error that is not longer than the request, or no response. There are at
// most kIceMaxPairs pairs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/ip_address.h"
#include "controlplane/base/bounds.h"
#include "controlplane/protocol/ice/stun.h"
#include "crypto/srtp/secret.h"

namespace sluice::control {

/// Fills the span with unpredictable bytes.
using RandomSource = std::function<void(std::span<std::uint8_t>)>;

/// ufrag and password of either side (RFC 8839 5.4).
inline constexpr TextRule kIceUfrag{.min = 4, .max = 256, .punctuation = "+/"};
inline constexpr TextRule kIcePassword{.min = 22, .max = 256, .punctuation = "+/", .is_secret = true};

inline constexpr std::size_t kIceUfragChars = 8;      // 6 bits each: 48 bits; RFC 8839 5.4 asks for 24
inline constexpr std::size_t kIcePasswordChars = 24;  // 144 bits; RFC 8839 5.4 asks for 128
inline constexpr std::size_t kIceMaxPairs = 16;
// Longer than the time between two checks of a pair that a browser uses (2.5 s).
inline constexpr std::chrono::milliseconds kIceNominationHold{3000};

/// Our credentials of one ICE generation. The ufrag is random and has no meaning.
struct IceCredentials {
  std::string ufrag;
  crypto::Secret<32> password;  // kIcePasswordChars ice-chars; wipes itself

  std::string_view password_text() const {
    return {reinterpret_cast<const char*>(password.data()), password.size()};
  }
};

/// New credentials of ice-chars (RFC 8839 5.4). `taken` says whether a ufrag is in use in this daemon. It is
/// asked about new ufrags until one is free, so that on a shared port a ufrag names one endpoint.
IceCredentials make_ice_credentials(const RandomSource& random,
                                    const std::function<bool(std::string_view ufrag)>& taken);

/// The local ufrag in the USERNAME of a STUN request. It names the endpoint of a check on a shared port.
/// nullopt when the packet is not a STUN request, or has no USERNAME with a valid ufrag before a colon.
/// Nothing is authenticated here.
[[nodiscard]] std::optional<std::string> peek_username_ufrag(std::span<const std::uint8_t> packet);

/// Our address and the peer's.
struct IcePair {
  config::SocketAddress local;
  config::SocketAddress remote;

  auto operator<=>(const IcePair&) const = default;
};

/// Why a datagram was not accepted as a check, and the error code of the response.
enum class IceRefusal : std::uint8_t {
  kNone,
  kNotARequest,        // no response: indications ask nothing; a response answers no request of ours
  kNotBinding,         // no response: another method, of no use without TURN
  kNoFingerprint,      // no response: not ICE (RFC 8445 7.1)
  kBadFingerprint,     // no response: not STUN, or damaged
  kNoCredentials,      // 400: USERNAME or MESSAGE-INTEGRITY is missing
  kMalformedUsername,  // 401: not "local:remote" of ice-chars
  kWrongLocalUfrag,    // 401: not ours
  kWrongRemoteUfrag,   // 401: not the one that the peer signalled
  kBadIntegrity,       // 401: wrong password, or tampered with
  kUnknownAttribute,   // 420, authenticated
  kBadRole,            // 400, authenticated: both roles, or a role attribute of a wrong length
  kRoleConflict,       // 487, authenticated: the peer says that it is controlled, which is our role
};
inline constexpr std::size_t kIceRefusals = 13;

/// The name of a refusal for logs, events and metrics: "wrong_local_ufrag".
std::string_view ice_refusal_name(IceRefusal refusal);

/// The effect of a datagram.
struct IceOutcome {
  std::vector<std::uint8_t> response;  // send it from `to` to `from`; empty: send nothing
  IceRefusal refusal = IceRefusal::kNone;
  bool validated = false;                    // the pair is new
  bool nominated = false;                    // the pair was nominated, and has just become the selected one
  std::optional<IcePair> evicted;            // the pair that was removed for it
  std::optional<std::string> retired_ufrag;  // a restart is complete: forget this ufrag
};

class IceLite {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `consent_timeout`: how long a pair is valid without a check of the peer (RFC 7675 5.1: 30 s);
  /// 0 = for ever.
  IceLite(IceCredentials credentials, std::chrono::milliseconds consent_timeout);

  const IceCredentials& credentials() const { return current_.credentials; }

  /// Sets the peer's ufrag. Until then any well-formed remote part of USERNAME is accepted: a check may
  /// arrive before the peer's answer and must be responded to (RFC 8445 7.3), and our own password
  /// authenticates it. From then on a check of the current generation must have this ufrag. Returns the pairs
  /// of this generation that were validated under another ufrag; they are forgotten. RFC 8445 does not ask to
  /// check the remote part. The check keeps late requests of an abandoned negotiation or a forked call from
  /// validating a pair.
  std::vector<IcePair> set_remote_ufrag(std::string ufrag);

  /// ICE restart (RFC 8445 9): new credentials, remote ufrag unset. Until the first valid check with the new
  /// credentials, pairs and nomination stay, and checks with the old credentials are accepted too. With the
  /// new remote ufrag they belong to the new generation: that peer has answered an offer of before the
  /// restart. If a restart was already under way, returns the ufrag of the oldest generation, which is no
  /// longer accepted.
  [[nodiscard]] std::optional<std::string> restart(IceCredentials credentials);

  /// Handles one STUN message that came `from` the peer `to` us. Any input is allowed; invalid input is
  /// refused and counted.
  IceOutcome on_request(const StunView& view, const config::SocketAddress& from,
                        const config::SocketAddress& to, TimePoint now);

  /// 0 = consent never ends.
  void set_consent_timeout(std::chrono::milliseconds timeout) { consent_timeout_ = timeout; }
  [[nodiscard]] std::chrono::milliseconds consent_timeout() const { return consent_timeout_; }
  /// The peer's consent to the pair is fresh: an authentic packet has come from it (RFC 7675 5.1 asks for
  /// checks, but a peer that sends SRTP from there is there). Does nothing for a pair that is not validated.
  void refresh(const IcePair& pair, TimePoint now);

  /// Whether the peer has validated this pair within the consent timeout. Ask it before DTLS is read from the
  /// pair or anything is sent to it.
  [[nodiscard]] bool is_validated(const IcePair& pair, TimePoint now) const;

  /// The pair that the peer wants to use: the nominated one that counts, before nomination the one that was
  /// checked last. A pair without consent is selected only when all of its kind are. nullopt when there is no
  /// pair.
  [[nodiscard]] std::optional<IcePair> selected(TimePoint now) const;
  /// selected() if it is nominated.
  [[nodiscard]] std::optional<IcePair> nominated(TimePoint now) const;
  [[nodiscard]] bool has_nomination() const;
  std::size_t pair_count() const { return pairs_.size(); }
  /// Whether the pair had a check of the peer within `period`.
  [[nodiscard]] bool checked_within(const IcePair& pair, std::chrono::milliseconds period,
                                    TimePoint now) const;

  /// The pair that media uses: new pairs never take its place. It need not be the selected one.
  void set_in_use(const std::optional<IcePair>& pair) { in_use_ = pair; }

  /// True when the selected pair had no valid check for the consent timeout: the caller must stop sending
  /// (RFC 7675 5.1). False while there is no pair: the session layer reclaims an endpoint that never
  /// connected.
  [[nodiscard]] bool consent_expired(TimePoint now) const;

  /// Forgets the pairs without a check within the consent timeout, except the selected one, which
  /// consent_expired() reports. Returns the forgotten pairs.
  std::vector<IcePair> expire(TimePoint now);

  std::uint64_t refused(IceRefusal refusal) const { return refused_[static_cast<std::size_t>(refusal)]; }
  /// Error responses that were not sent because they were longer than the request. For tests.
  std::uint64_t kept_back() const { return kept_back_; }

 private:
  struct Generation {
    std::uint32_t id = 0;  // counts restarts
    IceCredentials credentials;
    std::optional<std::string> remote_ufrag;
  };
  struct Pair {
    IcePair addresses;
    std::uint32_t generation = 0;
    std::string remote_ufrag;  // the ufrag under which the peer validated it
    TimePoint checked_at;
    std::uint32_t priority = 0;  // PRIORITY of the last check (RFC 8445 7.1.1); 0 when it had none
    // Of the last check with USE-CANDIDATE: its time, and its number among all of them. 0: never nominated.
    TimePoint nominated_at;
    std::uint64_t nomination = 0;
    bool still_nominating = false;  // the last check had USE-CANDIDATE
  };

  // The generation that USERNAME names and its remote part, or why it is refused.
  struct Username {
    IceRefusal refusal = IceRefusal::kNone;
    bool previous = false;         // it names the credentials of before the restart
    std::uint32_t generation = 0;  // that the pair belongs to
    std::string_view remote = {};
  };
  Username check_username(const StunView& view) const;

  IceOutcome refuse(const StunView& view, IceRefusal refusal, std::string_view password = {});
  void accept(const IcePair& addresses, std::uint32_t generation, std::string_view remote_ufrag,
              const StunView& view, TimePoint now, IceOutcome& outcome);
  Pair& insert(const IcePair& addresses, TimePoint now, IceOutcome& outcome);
  const Pair* selected_pair(TimePoint now) const;
  [[nodiscard]] bool outranks(const Pair& earlier, const Pair& later, TimePoint now) const;
  [[nodiscard]] bool fresh(const Pair& pair, TimePoint now) const {
    return consent_timeout_.count() == 0 || now - pair.checked_at < consent_timeout_;
  }

  Generation current_;
  std::optional<Generation> previous_;  // while a restart is under way
  std::chrono::milliseconds consent_timeout_;
  std::vector<Pair> pairs_;  // at most kIceMaxPairs
  std::uint64_t nominations_ = 0;
  std::optional<IcePair> in_use_;
  std::array<std::uint64_t, kIceRefusals> refused_{};
  std::uint64_t kept_back_ = 0;
};

}  // namespace sluice::control
