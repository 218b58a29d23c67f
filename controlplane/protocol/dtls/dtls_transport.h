// dtls_transport: the DTLS-SRTP association of one endpoint, from the handshake until close_notify (RFC 5764,
// RFC 5763, RFC 6347). Datagrams come in by receive() and leave by a callback. It gives the SRTP keys and
// carries no data: application data is ignored.
//
// Thread: control. The caller has the sockets and passes time in. OpenSSL uses its own random numbers. It
// also measures its retransmission timers with the wall clock (gettimeofday), so at next_timeout() on_timer()
// must be called, but may have nothing to send.
//
// OpenSSL's association lives from the first datagram until the handshake is done. Afterwards the two record
// keys (dtls_cipher) are all that is needed: for close_notify in both directions, for alerts, and to know the
// peer's Finished when it comes again because our last flight was lost; then the same datagrams are sent
// again.
//
// Invariants: the handshake itself compares the peer's certificate with the signalled fingerprints, so keys
// exist only for the right peer. Until the fingerprints are known, the peer's Certificate message waits in a
// bounded queue. Records that are damaged, cut or malformed change nothing, and fragments that contradict
// others do not keep the peer's messages out (dtls_reassembly). Of on_failed and on_closed at most one is
// called, once, and it is the last callback. on_connected is called at most once, before it.
//
// A callback may call fail() and close(), and must not destroy the transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/protocol/dtls/dtls_alert.h"
#include "controlplane/protocol/dtls/dtls_cipher.h"
#include "controlplane/protocol/dtls/dtls_context.h"
#include "controlplane/protocol/dtls/dtls_fingerprint.h"
#include "controlplane/protocol/dtls/dtls_reassembly.h"
#include "controlplane/protocol/dtls/dtls_record.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

enum class DtlsState : std::uint8_t { kNew, kHandshaking, kConnected, kFailed, kClosed };

/// "new", "handshaking", "connected", "failed", "closed".
std::string_view dtls_state_name(DtlsState state);

enum class DtlsFailure : std::uint8_t {
  kFingerprintMismatch,  // the peer's certificate has no signalled fingerprint; bad_certificate was sent
  kNoSrtpProfile,        // none in common; handshake_failure was sent
  kHandshakeTimeout,
  kAlertReceived,  // the peer sent a fatal alert, or close_notify in the handshake; the text names it
  kProtocolError,  // the text is OpenSSL's reason
  kInternalError,  // fail() was called
};

/// The name of a failure for events and metrics: "fingerprint_mismatch".
std::string_view dtls_failure_name(DtlsFailure failure);

struct DtlsOptions {
  DtlsRole role = DtlsRole::kPassive;
  std::uint16_t mtu = 1200;  // most bytes of UDP payload to send; at least kDtlsMtuMin
  std::chrono::milliseconds handshake_timeout{15000};
  // Time until the first retransmission of a flight; it doubles up to kDtlsRetransmitMax. RFC 6347 4.2.4.1
  // suggests 1 s for the open internet. Here ICE checks have just shown that the path works, and the user
  // hears nothing until a lost flight is sent again.
  std::chrono::milliseconds retransmit_initial{500};
};
inline constexpr std::chrono::milliseconds kDtlsRetransmitMax{8000};
/// OpenSSL needs at least 256 bytes, and does not count the 24 bytes that AES-GCM adds to the last flight.
inline constexpr std::uint16_t kDtlsMtuMin = 256 + 24;

/// A plain-text alert ends the handshake only when no record of the peer follows for this long. Any host can
/// forge one. A peer that sent a real one sends nothing more; any other peer sends a lost flight again within
/// this time.
inline constexpr std::chrono::milliseconds kDtlsAlertGrace{3000};

/// Datagrams that wait with the peer's Certificate for the fingerprints. More are dropped; the peer sends
/// them again.
inline constexpr std::size_t kDtlsMaxHeld = 8;

class DtlsTransport final : private PeerVerifier {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Callbacks {
    /// Sends one datagram to the peer. It must not call the transport.
    std::function<void(std::span<const std::uint8_t> datagram)> send;
    /// The handshake is done. `send` protects what we send, `receive` unprotects what we receive.
    std::function<void(crypto::SrtpProfile profile, const crypto::MasterKey& send,
                       const crypto::MasterKey& receive)>
        on_connected;
    std::function<void(DtlsFailure failure, const std::string& text)> on_failed;
    /// The handshake was done, and the peer has sent close_notify. It has been answered with ours.
    std::function<void()> on_closed;
  };

  struct Counters {
    std::uint64_t datagrams_sent = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_refused = 0;  // empty, longer than kDtlsMaxDatagram, or no space to hold it
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

  /// The fingerprints that the peer's certificate must have (RFC 8122); an empty set is ignored. They may
  /// come at any time before the handshake is done. Datagrams that waited for them are then processed, and
  /// the time limit of the handshake starts again. Later calls are ignored, since another certificate needs a
  /// new association (RFC 8842 4).
  void set_fingerprints(std::vector<DtlsFingerprint> fingerprints, TimePoint now);

  /// In the active role, sends the ClientHello. Call it when ICE has a validated pair. Does nothing in the
  /// passive role, which starts with the peer's first datagram, or when the handshake has begun already.
  void start(TimePoint now);

  /// Takes one UDP payload of the peer. REQUIRES: it came over a validated ICE pair.
  void receive(std::span<const std::uint8_t> datagram, TimePoint now);

  /// When to call on_timer(); nullopt when no timer runs.
  [[nodiscard]] std::optional<TimePoint> next_timeout() const;
  /// Sends again what is due, and ends a handshake that takes too long. Does nothing when called early.
  void on_timer(TimePoint now);

  /// Ends the association from our side: sends close_notify to a peer that is connected or in the handshake.
  /// Calls no callback.
  void close();
  /// Ends the association because of an error on our side, such as keys that cannot be installed: sends a
  /// fatal internal_error, then calls on_failed.
  void fail(const std::string& text);

 private:
  DtlsTransport(std::shared_ptr<const DtlsContext> context, const DtlsOptions& options, Callbacks callbacks);

  bool verify_peer(X509_STORE_CTX* store, SSL* ssl) override;
  [[nodiscard]] bool set_up(std::string& error);
  void feed(std::span<const std::uint8_t> records, TimePoint now);
  void advance(TimePoint now);
  void finish_handshake();
  void read_sealed(std::span<const std::uint8_t> records);
  void on_sealed(DtlsContentType type, std::span<const std::uint8_t> plain);
  void repeat_last_flight();
  void handle_result(int result);
  void handle_peer_close();
  void suspect_alert(const DtlsScreened& screened, TimePoint now);
  void release();
  void end(DtlsState state);
  void fail_with(DtlsFailure failure, const std::string& text);
  void send_alert(DtlsAlert alert);
  void note_timer(TimePoint now);
  [[nodiscard]] bool begin(TimePoint now);

  // The BIO that OpenSSL reads and writes: one write is one datagram, one read takes one record.
  static BIO_METHOD* bio_method();
  static int bio_write(BIO* bio, const char* data, int length);
  static int bio_read(BIO* bio, char* data, int length);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  static unsigned timer_duration_us(SSL* ssl, unsigned last_us);

  std::shared_ptr<const DtlsContext> context_;
  DtlsOptions options_;
  Callbacks callbacks_;
  SslPtr ssl_;                        // in the handshake only
  std::optional<DtlsCipher> cipher_;  // from the end of the handshake on
  DtlsState state_ = DtlsState::kNew;
  std::vector<DtlsFingerprint> fingerprints_;
  std::unique_ptr<DtlsReassembly> reassembly_;          // in the handshake only
  std::vector<std::vector<std::uint8_t>> held_;         // records of at most kDtlsMaxHeld datagrams
  std::vector<std::vector<std::uint8_t>> last_flight_;  // passive: ChangeCipherSpec and Finished
  std::span<const std::uint8_t> incoming_;              // what the next BIO reads take; set only in feed()
  std::optional<DtlsFailure> verdict_;                  // set by verify_peer; says more than OpenSSL's reason
  std::optional<DtlsWritePosition> last_sent_;
  std::optional<TimePoint> handshake_deadline_;
  std::optional<TimePoint> retransmit_at_;
  std::uint8_t suspected_alert_ = 0;  // in plain text, while alert_deadline_ is set
  std::optional<TimePoint> alert_deadline_;
  Counters counters_;
};

}  // namespace sluice::control
