#include "controlplane/protocol/dtls/dtls_transport.h"

#include <openssl/srtp.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

constexpr std::string_view kExporterLabel = "EXTRACTOR-dtls_srtp";  // RFC 5764 4.2
constexpr std::uint16_t kGcmOverhead = 24;                          // explicit nonce and tag
constexpr long kLeastSendFragment = 512;                            // OpenSSL takes no less
constexpr std::uint8_t kFinished = 20;                              // RFC 5246 7.4
constexpr int kFatal = 2;                                           // RFC 5246 7.2
constexpr std::size_t kMaxKeyingMaterial = 2 * (crypto::kMaxMasterKey + crypto::kMaxMasterSalt);

// The keying material is client key | server key | client salt | server salt (RFC 5764 4.2).
bool export_keys(SSL* ssl, crypto::SrtpProfile profile, crypto::MasterKey& client,
                 crypto::MasterKey& server) {
  const crypto::SrtpProfileInfo info = crypto::profile_info(profile);
  const std::size_t key = info.key_length;
  const std::size_t salt = info.salt_length;
  std::array<std::uint8_t, kMaxKeyingMaterial> material{};
  const auto used = std::span<const std::uint8_t>(material).first(2 * (key + salt));
  const bool ok = SSL_export_keying_material(ssl, material.data(), used.size(), kExporterLabel.data(),
                                             kExporterLabel.size(), nullptr, 0, 0) == 1;
  if (ok) {
    client.profile = server.profile = profile;
    client.key.assign(used.subspan(0, key));
    server.key.assign(used.subspan(key, key));
    client.salt.assign(used.subspan(2 * key, salt));
    server.salt.assign(used.subspan(2 * key + salt, salt));
  }
  crypto::wipe(material.data(), material.size());
  return ok;
}

}  // namespace

std::string_view dtls_state_name(DtlsState state) {
  switch (state) {
    case DtlsState::kNew:
      return "new";
    case DtlsState::kHandshaking:
      return "handshaking";
    case DtlsState::kConnected:
      return "connected";
    case DtlsState::kFailed:
      return "failed";
    case DtlsState::kClosed:
      return "closed";
  }
  return "unknown";
}

std::string_view dtls_failure_name(DtlsFailure failure) {
  switch (failure) {
    case DtlsFailure::kFingerprintMismatch:
      return "fingerprint_mismatch";
    case DtlsFailure::kNoSrtpProfile:
      return "no_srtp_profile";
    case DtlsFailure::kHandshakeTimeout:
      return "handshake_timeout";
    case DtlsFailure::kAlertReceived:
      return "alert_received";
    case DtlsFailure::kProtocolError:
      return "protocol_error";
    case DtlsFailure::kInternalError:
      return "internal_error";
  }
  return "unknown";
}

DtlsTransport::DtlsTransport(std::shared_ptr<const DtlsContext> context, const DtlsOptions& options,
                             Callbacks callbacks)
    : context_(std::move(context)), options_(options), callbacks_(std::move(callbacks)) {}

DtlsTransport::~DtlsTransport() = default;

std::unique_ptr<DtlsTransport> DtlsTransport::make(std::shared_ptr<const DtlsContext> context,
                                                   const DtlsOptions& options, Callbacks callbacks,
                                                   std::string& error) {
  std::unique_ptr<DtlsTransport> transport(
      new DtlsTransport(std::move(context), options, std::move(callbacks)));
  if (options.mtu >= kDtlsMtuMin) return transport;
  error = "DTLS transport: MTU of " + std::to_string(options.mtu) + " bytes; at least " +
          std::to_string(kDtlsMtuMin) + " are needed";
  return nullptr;
}

bool DtlsTransport::set_up(std::string& error) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->ssl_ctx()));
  BIO* bio = ssl_ ? BIO_new(bio_method()) : nullptr;
  if (bio == nullptr) {
    error = take_openssl_error();
    return false;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), static_cast<PeerVerifier*>(this));
  SSL_set_mtu(ssl_.get(), options_.mtu - kGcmOverhead);
  // No record is longer than a datagram, so the write buffer need not be.
  SSL_set_max_send_fragment(ssl_.get(), std::max<long>(options_.mtu, kLeastSendFragment));
  DTLS_set_timer_cb(ssl_.get(), &DtlsTransport::timer_duration_us);
  if (options_.role == DtlsRole::kActive) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
  return true;
}

BIO_METHOD* DtlsTransport::bio_method() {
  static const BioMethodPtr method = [] {
    BioMethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice datagrams"));
    if (!made) return made;
    BIO_meth_set_write(made.get(), &DtlsTransport::bio_write);
    BIO_meth_set_read(made.get(), &DtlsTransport::bio_read);
    BIO_meth_set_ctrl(made.get(), &DtlsTransport::bio_control);
    return made;
  }();
  return method.get();
}

int DtlsTransport::bio_write(BIO* bio, const char* data, int length) {
  auto* self = static_cast<DtlsTransport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::span datagram(reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(length));
  if (const auto position = last_record(datagram)) self->last_sent_ = position;
  const bool last =
      !self->last_flight_.empty() || DtlsContentType{datagram.front()} == DtlsContentType::kChangeCipherSpec;
  if (last && self->options_.role == DtlsRole::kPassive)
    self->last_flight_.emplace_back(datagram.begin(), datagram.end());
  ++self->counters_.datagrams_sent;
  self->callbacks_.send(datagram);
  return length;
}

int DtlsTransport::bio_read(BIO* bio, char* data, int length) {
  auto* self = static_cast<DtlsTransport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->incoming_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // One record at a time: it fits into OpenSSL's buffer, several might not.
  const auto record = first_record(self->incoming_);
  const std::size_t taken = std::min(record.size(), static_cast<std::size_t>(std::max(length, 0)));
  std::memcpy(data, record.data(), taken);
  self->incoming_ = self->incoming_.subspan(record.size());
  return static_cast<int>(taken);
}

long DtlsTransport::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// OpenSSL asks for the length of each retransmission timer: with 0 for the first, then with the previous
// length.
unsigned DtlsTransport::timer_duration_us(SSL* ssl, unsigned last_us) {
  const auto* self = static_cast<DtlsTransport*>(static_cast<PeerVerifier*>(SSL_get_app_data(ssl)));
  const std::chrono::microseconds initial = self->options_.retransmit_initial;
  const auto next = last_us == 0 ? initial
                                 : std::min<std::chrono::microseconds>(2 * std::chrono::microseconds(last_us),
                                                                       kDtlsRetransmitMax);
  return static_cast<unsigned>(next.count());
}

// The certificate itself must have a signalled fingerprint; its chain does not matter (RFC 5763 5). OpenSSL
// chooses the alert by the error code, so the codes are chosen for their alerts.
bool DtlsTransport::verify_peer(X509_STORE_CTX* store, SSL* ssl) {
  if (SSL_get_selected_srtp_profile(ssl) == nullptr) {
    verdict_ = DtlsFailure::kNoSrtpProfile;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);  // handshake_failure
    return false;
  }
  if (!fingerprints_match(fingerprints_, X509_STORE_CTX_get0_cert(store))) {
    verdict_ = DtlsFailure::kFingerprintMismatch;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);  // bad_certificate
    return false;
  }
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return true;
}

bool DtlsTransport::begin(TimePoint now) {
  state_ = DtlsState::kHandshaking;
  handshake_deadline_ = now + options_.handshake_timeout;
  reassembly_ = std::make_unique<DtlsReassembly>();
  std::string error;
  if (set_up(error)) return true;
  fail_with(DtlsFailure::kInternalError, error);
  return false;
}

void DtlsTransport::set_fingerprints(std::vector<DtlsFingerprint> fingerprints, TimePoint now) {
  if (fingerprints.empty() || (state_ != DtlsState::kNew && state_ != DtlsState::kHandshaking)) return;
  fingerprints_ = std::move(fingerprints);
  if (held_.empty()) return;
  handshake_deadline_ = now + options_.handshake_timeout;
  const auto held = std::exchange(held_, {});
  for (const auto& records : held)
    if (state_ == DtlsState::kHandshaking || state_ == DtlsState::kConnected) feed(records, now);
}

void DtlsTransport::start(TimePoint now) {
  if (state_ != DtlsState::kNew || options_.role != DtlsRole::kActive) return;
  if (begin(now)) advance(now);
}

void DtlsTransport::receive(std::span<const std::uint8_t> datagram, TimePoint now) {
  if (state_ == DtlsState::kFailed || state_ == DtlsState::kClosed) return;
  ++counters_.datagrams_received;
  if (datagram.empty() || datagram.size() > kDtlsMaxDatagram) {
    ++counters_.datagrams_refused;
    return;
  }
  DtlsScreened screened = screen_datagram(datagram, options_.role);
  counters_.records_refused += screened.refused;
  suspect_alert(screened, now);
  if (screened.records.empty()) return;
  if (state_ == DtlsState::kConnected) return read_sealed(screened.records);
  if (state_ == DtlsState::kNew) {
    // In the active role nothing was sent yet that a datagram could answer. The passive role waits for a
    // ClientHello.
    if (options_.role == DtlsRole::kActive || !screened.handshake) return;
    if (!begin(now)) return;
  }
  // Datagrams after a held Certificate wait too: OpenSSL drops a ChangeCipherSpec that comes before it.
  const bool hold = screened.certificate || !held_.empty();
  if (hold && fingerprints_.empty() && state_ == DtlsState::kHandshaking) {
    if (held_.size() == kDtlsMaxHeld) {
      ++counters_.datagrams_refused;
      return;
    }
    held_.push_back(std::move(screened.records));
    return;
  }
  feed(screened.records, now);
}

// Records after an alert show that the peer goes on, but they may be forged as well: each gives more time.
void DtlsTransport::suspect_alert(const DtlsScreened& screened, TimePoint now) {
  if (state_ != DtlsState::kHandshaking) return;
  if (screened.alert) suspected_alert_ = *screened.alert;
  if (screened.alert || alert_deadline_) alert_deadline_ = now + kDtlsAlertGrace;
}

void DtlsTransport::feed(std::span<const std::uint8_t> records, TimePoint now) {
  if (state_ == DtlsState::kConnected) return read_sealed(records);
  std::vector<std::uint8_t> whole;
  reassembly_->take(records, whole);
  if (reassembly_->begun_anew() && options_.role == DtlsRole::kPassive) {
    whole.clear();
    reassembly_->restart(whole);
    last_sent_.reset();
    if (std::string error; !set_up(error)) return fail_with(DtlsFailure::kInternalError, error);
  }
  incoming_ = whole;
  advance(now);
  incoming_ = {};
}

void DtlsTransport::advance(TimePoint now) {
  ERR_clear_error();
  SSL_alloc_buffers(ssl_.get());
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    finish_handshake();
  } else {
    handle_result(result);
  }
  ERR_clear_error();
  if (ssl_) SSL_free_buffers(ssl_.get());  // 18 KiB, while we wait for the peer
  note_timer(now);
}

void DtlsTransport::finish_handshake() {
  const SRTP_PROTECTION_PROFILE* selected = SSL_get_selected_srtp_profile(ssl_.get());
  const auto profile = selected == nullptr
                           ? std::nullopt
                           : crypto::profile_from_dtls_id(static_cast<std::uint16_t>(selected->id));
  if (!profile) {
    send_alert(DtlsAlert::kHandshakeFailure);
    return fail_with(DtlsFailure::kNoSrtpProfile, "the handshake ended without an SRTP profile");
  }
  crypto::MasterKey client;
  crypto::MasterKey server;
  if (!export_keys(ssl_.get(), *profile, client, server)) {
    send_alert(DtlsAlert::kInternalError);
    return fail_with(DtlsFailure::kProtocolError, "exporting the SRTP keys: " + take_openssl_error());
  }
  cipher_ = DtlsCipher::of(ssl_.get(), options_.role);
  if (!cipher_) return fail_with(DtlsFailure::kInternalError, "the record keys: " + take_openssl_error());
  state_ = DtlsState::kConnected;
  release();
  const bool active = options_.role == DtlsRole::kActive;
  callbacks_.on_connected(*profile, active ? client : server, active ? server : client);
}

void DtlsTransport::handle_result(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      return handle_peer_close();
    default:
      break;
  }
  if (verdict_ == DtlsFailure::kFingerprintMismatch) {
    return fail_with(*verdict_, "the peer's certificate has none of the signalled fingerprints");
  }
  if (verdict_ == DtlsFailure::kNoSrtpProfile) {
    return fail_with(*verdict_, "the peer and this endpoint have no SRTP profile in common");
  }
  // Invalid records alone do not end the association (RFC 6347 4.1.2.7); OpenSSL then queues no error.
  const unsigned long code = ERR_peek_error();
  if (code == 0) return;
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
      reason < SSL_AD_REASON_OFFSET + 256) {
    ERR_clear_error();
    return fail_with(DtlsFailure::kAlertReceived,
                     std::string(dtls_alert_name(reason - SSL_AD_REASON_OFFSET)));
  }
  fail_with(DtlsFailure::kProtocolError, take_openssl_error());
}

// Reads what comes after the handshake: alerts and repeated Finished messages. Application data and
// renegotiation are ignored.
void DtlsTransport::read_sealed(std::span<const std::uint8_t> records) {
  while (!records.empty() && state_ == DtlsState::kConnected) {
    const auto record = first_record(records);
    records = records.subspan(record.size());
    if (epoch_of(record) != 1) continue;
    if (const auto plain = cipher_->open(record)) on_sealed(DtlsContentType{record[0]}, *plain);
  }
}

void DtlsTransport::on_sealed(DtlsContentType type, std::span<const std::uint8_t> plain) {
  if (type == DtlsContentType::kHandshake && !plain.empty() && plain[0] == kFinished)
    return repeat_last_flight();
  if (type != DtlsContentType::kAlert || plain.size() != 2) return;
  if (plain[1] == static_cast<std::uint8_t>(DtlsAlert::kCloseNotify)) return handle_peer_close();
  if (plain[0] == kFatal) fail_with(DtlsFailure::kAlertReceived, std::string(dtls_alert_name(plain[1])));
}

// Byte for byte: the peer has not seen these records, or drops them as replays.
void DtlsTransport::repeat_last_flight() {
  if (last_flight_.empty()) return;
  ++counters_.retransmissions;
  for (const auto& datagram : last_flight_) {
    ++counters_.datagrams_sent;
    callbacks_.send(datagram);
  }
}

// A close_notify is answered with one (RFC 5246 7.2.1).
void DtlsTransport::handle_peer_close() {
  if (state_ != DtlsState::kConnected)
    return fail_with(DtlsFailure::kAlertReceived,
                     std::string(dtls_alert_name(static_cast<int>(DtlsAlert::kCloseNotify))));
  send_alert(DtlsAlert::kCloseNotify);
  end(DtlsState::kClosed);
  callbacks_.on_closed();
}

// Frees what only the handshake needs.
void DtlsTransport::release() {
  handshake_deadline_.reset();
  retransmit_at_.reset();
  alert_deadline_.reset();
  held_ = {};
  fingerprints_ = {};
  reassembly_.reset();
  ssl_.reset();
}

void DtlsTransport::end(DtlsState state) {
  state_ = state;
  release();
  cipher_.reset();
  last_flight_ = {};
}

void DtlsTransport::fail_with(DtlsFailure failure, const std::string& text) {
  end(DtlsState::kFailed);
  callbacks_.on_failed(failure, text);
}

void DtlsTransport::send_alert(DtlsAlert alert) {
  if (!last_sent_) return;  // nothing was sent to the peer yet
  std::optional<DtlsCipher> cipher = cipher_;
  if (!cipher && last_sent_->epoch != 0) cipher = DtlsCipher::of(ssl_.get(), options_.role);
  const auto datagram = make_alert(cipher ? &*cipher : nullptr, alert, *last_sent_);
  if (datagram.empty()) return;
  last_sent_ = last_record(datagram);
  ++counters_.datagrams_sent;
  callbacks_.send(datagram);
}

void DtlsTransport::close() {
  // In a handshake, RFC 5246 7.2.2 asks for user_canceled before this. It is left out, since OpenSSL peers
  // fail on it.
  if (state_ == DtlsState::kConnected || state_ == DtlsState::kHandshaking)
    send_alert(DtlsAlert::kCloseNotify);
  if (state_ != DtlsState::kFailed) end(DtlsState::kClosed);
}

void DtlsTransport::fail(const std::string& text) {
  if (state_ == DtlsState::kFailed || state_ == DtlsState::kClosed) return;
  send_alert(DtlsAlert::kInternalError);
  fail_with(DtlsFailure::kInternalError, text);
}

// OpenSSL gives the time left by its own clock. From here on it is measured by ours.
void DtlsTransport::note_timer(TimePoint now) {
  retransmit_at_.reset();
  timeval left{};
  if (!ssl_) return;
  if (DTLSv1_get_timeout(ssl_.get(), &left) != 1) return;
  retransmit_at_ = now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

std::optional<DtlsTransport::TimePoint> DtlsTransport::next_timeout() const {
  const bool waits_for_us = !held_.empty();  // we hold the peer's Certificate: no time limit for the peer
  std::optional<TimePoint> first;
  for (const auto& timer :
       {waits_for_us ? std::nullopt : handshake_deadline_, retransmit_at_, alert_deadline_})
    if (timer && (!first || *timer < *first)) first = timer;
  return first;
}

void DtlsTransport::on_timer(TimePoint now) {
  if (state_ == DtlsState::kHandshaking && alert_deadline_ && now >= *alert_deadline_)
    return fail_with(DtlsFailure::kAlertReceived, std::string(dtls_alert_name(suspected_alert_)));
  if (state_ == DtlsState::kHandshaking && held_.empty() && handshake_deadline_ &&
      now >= *handshake_deadline_) {
    return fail_with(DtlsFailure::kHandshakeTimeout,
                     "not done within " + std::to_string(options_.handshake_timeout.count()) + " ms");
  }
  if (!retransmit_at_ || now < *retransmit_at_) return;
  ERR_clear_error();
  const std::uint64_t sent = counters_.datagrams_sent;
  SSL_alloc_buffers(ssl_.get());
  const long result = DTLSv1_handle_timeout(ssl_.get());
  SSL_free_buffers(ssl_.get());
  if (counters_.datagrams_sent != sent) ++counters_.retransmissions;
  if (result < 0) return fail_with(DtlsFailure::kProtocolError, take_openssl_error());
  note_timer(now);
}

}  // namespace sluice::control
