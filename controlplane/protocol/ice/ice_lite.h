// ice_lite: the ICE-lite agent of one endpoint (RFC 8445 2.5 and 7.3, RFC 8839 credentials, RFC 7675
// consent). It answers the peer's connectivity checks, remembers which address pairs they validated and which
// one the peer nominated, and tells when the peer's consent has run out. It sends no checks of its own and is
// always the controlled side.
//
// Thread: control. Time is passed in; randomness too. Nothing here touches a socket: the caller sends
// `response` from the address that was asked (`to`) to the one that asked (`from`).
//
// Invariants: a datagram moves state only after its FINGERPRINT, USERNAME and MESSAGE-INTEGRITY were found
// right. An unauthenticated request is answered with an error no longer than itself, or not at all. At most
// kIceMaxPairs pairs.
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

/// ufrag and password as RFC 8839 5.4 has them, anybody's.
inline constexpr TextRule kIceUfrag{.min = 4, .max = 256, .punctuation = "+/"};
inline constexpr TextRule kIcePassword{.min = 22, .max = 256, .punctuation = "+/", .is_secret = true};

inline constexpr std::size_t kIceUfragChars = 8;  // of ours; 6 bits each: 48 bits; RFC 8839 5.4 asks for 24
inline constexpr std::size_t kIcePasswordChars = 24;  // of ours; 144 bits; RFC 8839 5.4 asks for 128
inline constexpr std::size_t kIceMaxPairs = 16;

/// One generation of our own credentials. The ufrag is random: it encodes nothing.
struct IceCredentials {
  std::string ufrag;
  crypto::Secret<32> password;  // kIcePasswordChars ice-chars; wipes itself

  std::string_view password_text() const {
    return {reinterpret_cast<const char*>(password.data()), password.size()};
  }
};

/// New credentials of ice-chars (RFC 8839 5.4). `taken` says whether a ufrag is in use in this daemon; it is
/// asked until it says no, so that on a shared port one ufrag finds one endpoint.
IceCredentials make_ice_credentials(const RandomSource& random,
                                    const std::function<bool(std::string_view ufrag)>& taken);

/// The local part of USERNAME of a STUN request: which endpoint a check on a shared port is for. nullopt for
/// anything that is not a well-formed request with "local:remote". Says nothing about authenticity.
[[nodiscard]] std::optional<std::string> peek_username_ufrag(std::span<const std::uint8_t> packet);

/// Our address and the peer's.
struct IcePair {
  config::SocketAddress local;
  config::SocketAddress remote;

  bool operator==(const IcePair&) const = default;
};

/// Why a datagram did not count as a check.
enum class IceRefusal : std::uint8_t {
  kNone,
  kNotARequest,  // silent: indications keep a NAT binding and ask nothing; we sent no request to be answered
  kNotBinding,   // silent: another method, of no use without TURN
  kNoFingerprint,      // silent: not ICE (RFC 8445 7.1)
  kBadFingerprint,     // silent: not STUN, or damaged
  kNoCredentials,      // 400: USERNAME or MESSAGE-INTEGRITY is missing
  kMalformedUsername,  // 401: not "local:remote" of ice-chars
  kWrongLocalUfrag,    // 401: not ours
  kWrongRemoteUfrag,   // 401: not the one that the peer signalled
  kBadIntegrity,       // 401: wrong password, or tampered with
  kUnknownAttribute,   // 420, authenticated
  kBadRole,            // 400, authenticated: both roles, or a role attribute of a wrong length
  kRoleConflict,       // 487, authenticated: the peer says that it is controlled, which is our part
};
inline constexpr std::size_t kIceRefusals = 13;

/// "wrong_local_ufrag" and the like, for logs, events and metrics.
std::string_view ice_refusal_name(IceRefusal refusal);

/// What a datagram brought about.
struct IceOutcome {
  std::vector<std::uint8_t> response;  // to send back, from `to` to `from`; empty: send nothing
  IceRefusal refusal = IceRefusal::kNone;
  bool validated = false;                    // the pair is new
  bool nominated = false;                    // the pair has just become the nominated one
  std::optional<IcePair> evicted;            // the pair that it replaced
  std::optional<std::string> retired_ufrag;  // the generation before a restart ended: forget this ufrag
};

class IceLite {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `consent_timeout`: how long a pair lives without a check of the peer (RFC 7675 5.1: 30 s).
  IceLite(IceCredentials credentials, std::chrono::milliseconds consent_timeout);

  const IceCredentials& credentials() const { return current_.credentials; }

  /// The peer's ufrag, once its description is here. Until then any well-formed remote part is accepted: a
  /// check may overtake the answer and must be responded to (RFC 8445 7.3), and it is our own password that
  /// authenticates it. From then on a check of the current generation must name exactly this ufrag, and the
  /// pairs that another one validated are forgotten: they are returned. RFC 8445 leaves the remote part
  /// unchecked; checking it keeps late checks of an abandoned negotiation or a forked call from validating a
  /// pair.
  std::vector<IcePair> set_remote_ufrag(std::string ufrag);

  /// ICE restart (RFC 8445 9): new credentials, remote ufrag unset. Pairs and nomination stay, and checks
  /// under the old credentials keep them alive, until the first valid check under the new ones. Returns the
  /// ufrag that no longer leads here: that of the generation before the one being replaced, when a restart
  /// was still under way.
  [[nodiscard]] std::optional<std::string> restart(IceCredentials credentials);

  /// Answers one STUN message that came `from` the peer `to` us. Hostile input is refused and counted, never
  /// asserted.
  IceOutcome on_request(const StunView& view, const config::SocketAddress& from,
                        const config::SocketAddress& to, TimePoint now);

  /// Whether a fresh check of the peer validated this pair: the gate for DTLS and for sending anything.
  [[nodiscard]] bool is_validated(const IcePair& pair, TimePoint now) const;

  /// Where to send: the nominated pair; before nomination the one checked last. nullopt when nothing is
  /// validated.
  [[nodiscard]] std::optional<IcePair> selected() const;
  [[nodiscard]] std::optional<IcePair> nominated() const;
  std::size_t pair_count() const { return pairs_.size(); }

  /// True when the selected pair had no valid check for the consent timeout: stop sending (RFC 7675 5.1).
  /// False before the first valid check: an endpoint that never connected is reclaimed by its session's idle
  /// time.
  [[nodiscard]] bool consent_expired(TimePoint now) const;

  /// Forgets the pairs without a fresh check, but for the selected one, whose end consent_expired tells.
  /// Returns them.
  std::vector<IcePair> expire(TimePoint now);

  std::uint64_t refused(IceRefusal refusal) const { return refused_[static_cast<std::size_t>(refusal)]; }
  /// Error answers kept back because they would have been longer than the request. For tests.
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
    std::string remote_ufrag;  // under which the peer validated it
    TimePoint checked_at;
    bool nominated = false;
  };

  // Which generation USERNAME names, and the remote part; or why not.
  struct Username {
    IceRefusal refusal = IceRefusal::kNone;
    bool previous = false;
    std::string_view remote;
  };
  Username check_username(const StunView& view) const;

  IceOutcome refuse(const StunView& view, IceRefusal refusal, std::string_view password = {});
  void accept(const IcePair& addresses, std::uint32_t generation, std::string_view remote_ufrag,
              bool nominate, TimePoint now, IceOutcome& outcome);
  Pair& insert(const IcePair& addresses, IceOutcome& outcome);
  const Pair* selected_pair() const;
  [[nodiscard]] bool fresh(const Pair& pair, TimePoint now) const {
    return now - pair.checked_at < consent_timeout_;
  }

  Generation current_;
  std::optional<Generation> previous_;  // while a restart is under way
  std::chrono::milliseconds consent_timeout_;
  std::vector<Pair> pairs_;  // at most kIceMaxPairs, at most one nominated
  std::array<std::uint64_t, kIceRefusals> refused_{};
  std::uint64_t kept_back_ = 0;
};

}  // namespace sluice::control
