// dtls_transport: the DTLS-SRTP handshake of one endpoint (RFC 5764, RFC 5763, RFC 6347), datagrams in,
// datagrams out, and the association's life until close_notify. It yields the SRTP keys and carries no data:
// application data is ignored.
//
// Thread: control. Sockets and time are the caller's; OpenSSL draws its own randomness, and measures its
// retransmission timers with the wall clock (gettimeofday), so that next_timeout() is when to look, not a
// promise to send.
//
// Invariants: the peer's certificate is compared with the signalled fingerprints inside the handshake, so
// keys exist only for the right peer. While the fingerprints are not known, the peer's Certificate message
// waits in a bounded queue. A datagram that is damaged, cut or made up in its framing changes nothing. One of
// on_failed and on_closed comes at most once, and nothing after it; on_connected at most once and before.
//
// A callback may call fail() and close(); it must not destroy the transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/protocol/dtls/dtls_alert.h"
#include "controlplane/protocol/dtls/dtls_context.h"
#include "controlplane/protocol/dtls/dtls_fingerprint.h"
#include "controlplane/protocol/dtls/dtls_record.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

enum class DtlsState : std::uint8_t { kNew, kHandshaking, kConnected, kFailed, kClosed };

/// "new", "handshaking", "connected", "failed", "closed".
std::string_view dtls_state_name(DtlsState state);

enum class DtlsFailure : std::uint8_t {
  kFingerprintMismatch,  // the peer's certificate is not the signalled one; it was told bad_certificate
  kNoSrtpProfile,        // none in common; it was told handshake_failure
  kHandshakeTimeout,
  kAlertReceived,  // the peer ended it; the text names the alert
  kProtocolError,  // OpenSSL's reason is the text
  kInternalError,  // fail() was called
};

/// "fingerprint_mismatch" and the like, for events and metrics.
std::string_view dtls_failure_name(DtlsFailure failure);

struct DtlsOptions {
  DtlsRole role = DtlsRole::kPassive;
  std::uint16_t mtu = 1200;  // bytes of the longest datagram to send, the UDP payload; at least kDtlsMtuMin
  std::chrono::milliseconds handshake_timeout{15000};
  // First retransmission of a flight; doubles to kDtlsRetransmitMax. RFC 6347 4.2.4.1 suggests 1 s for the
  // open internet; the path has just been measured by ICE checks, and a lost flight is silence on the phone.
  std::chrono::milliseconds retransmit_initial{500};
};
inline constexpr std::chrono::milliseconds kDtlsRetransmitMax{8000};
/// OpenSSL does not go below 256 bytes, and does not count the 24 bytes that AES-GCM adds to the last flight.
inline constexpr std::uint16_t kDtlsMtuMin = 256 + 24;

/// Datagrams with the peer's Certificate that wait for the fingerprints; further ones are left to its
/// retransmission.
inline constexpr std::size_t kDtlsMaxHeld = 8;

class DtlsTransport final : private PeerVerifier {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Callbacks {
    /// One datagram to the peer. Must not call back into the transport.
    std::function<void(std::span<const std::uint8_t> datagram)> send;
    /// The handshake is done: keys to protect what we send and to unprotect what we receive.
    std::function<void(crypto::SrtpProfile profile, const crypto::MasterKey& send,
                       const crypto::MasterKey& receive)>
        on_connected;
    std::function<void(DtlsFailure failure, const std::string& text)> on_failed;
    /// The peer's close_notify. Ours has been sent in answer.
    std::function<void()> on_closed;
  };

  struct Counters {
    std::uint64_t datagrams_sent = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_refused = 0;  // empty, longer than kDtlsMaxDatagram, or no space to hold
    std::uint64_t records_refused = 0;    // damaged or out of place: see screen_datagram
    std::uint64_t retransmissions = 0;    // flights
  };

  /// nullptr with the reason in `error` when OpenSSL refuses.
  static std::unique_ptr<DtlsTransport> make(std::shared_ptr<const DtlsContext> context,
                                             const DtlsOptions& options, Callbacks callbacks,
                                             std::string& error);
  ~DtlsTransport();
  DtlsTransport(const DtlsTransport&) = delete;
  DtlsTransport& operator=(const DtlsTransport&) = delete;

  DtlsState state() const { return state_; }
  const Counters& counters() const { return counters_; }

  /// What the peer's certificate must be (RFC 8122); an empty set is ignored. May come at any time before the
  /// handshake is done; what waited for it is worked off at once, and the handshake's time then starts anew.
  /// Ignored afterwards: a change of certificate needs a new association (RFC 8842 4).
  void set_fingerprints(std::vector<DtlsFingerprint> fingerprints, TimePoint now);

  /// Active role: sends the ClientHello. Call once ICE has a validated pair. Does nothing in the passive
  /// role, which starts with the peer's first datagram, or when already started.
  void start(TimePoint now);

  /// One UDP payload of the peer. The caller has checked that it came over a validated ICE pair.
  void receive(std::span<const std::uint8_t> datagram, TimePoint now);

  /// When to call on_timer; nullopt while nothing is due.
  [[nodiscard]] std::optional<TimePoint> next_timeout() const;
  /// Retransmits what is due and ends a handshake that took too long. Harmless when early.
  void on_timer(TimePoint now);

  /// Ends the association from our side: close_notify to a peer that is connected or in the handshake. No
  /// callback.
  void close();
  /// Ends it because we cannot go on, say for keys that would not install: fatal internal_error, then
  /// on_failed.
  void fail(const std::string& text);

 private:
  DtlsTransport(std::shared_ptr<const DtlsContext> context, const DtlsOptions& options, Callbacks callbacks);

  bool verify_peer(X509_STORE_CTX* store, SSL* ssl) override;
  [[nodiscard]] bool set_up(std::string& error);
  void feed(std::span<const std::uint8_t> records, TimePoint now);
  void advance(TimePoint now);
  void read_rest();
  void finish_handshake();
  void handle_result(int result);
  void handle_peer_close();
  void end(DtlsState state);
  void fail_with(DtlsFailure failure, const std::string& text);
  void send_alert(DtlsAlert alert);
  void note_timer(TimePoint now);
  void begin(TimePoint now);

  // The BIO below OpenSSL: one write is one datagram, one read takes the datagram that receive() brought.
  static BIO_METHOD* bio_method();
  static int bio_write(BIO* bio, const char* data, int length);
  static int bio_read(BIO* bio, char* data, int length);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  static unsigned timer_duration_us(SSL* ssl, unsigned last_us);

  std::shared_ptr<const DtlsContext> context_;
  DtlsOptions options_;
  Callbacks callbacks_;
  SslPtr ssl_;
  DtlsState state_ = DtlsState::kNew;
  std::vector<DtlsFingerprint> fingerprints_;
  std::deque<std::vector<std::uint8_t>> held_;  // records, at most kDtlsMaxHeld datagrams
  std::span<const std::uint8_t> incoming_;      // what the next BIO read takes; only within feed()
  std::optional<DtlsFailure> verdict_;          // of verify_peer, more telling than OpenSSL's own reason
  std::optional<DtlsWritePosition> last_sent_;
  std::optional<TimePoint> handshake_deadline_;
  std::optional<TimePoint> retransmit_at_;
  Counters counters_;
};

}  // namespace sluice::control
