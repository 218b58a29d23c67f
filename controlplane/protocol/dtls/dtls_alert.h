// dtls_alert: makes an alert record (RFC 5246 7.2, RFC 6347 4.1). OpenSSL sends the alerts of its own errors,
// but has no call for an alert that the application wants, such as "the keys could not be installed" after
// the handshake. So this module makes the record itself, with the next sequence number.
//
// Thread: control. After make_alert() OpenSSL must not write on that connection: it would repeat the record's
// numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "controlplane/protocol/dtls/dtls_cipher.h"
#include "controlplane/protocol/dtls/dtls_record.h"

namespace sluice::control {

/// The values on the wire (RFC 5246 7.2).
enum class DtlsAlert : std::uint8_t {
  kCloseNotify = 0,
  kHandshakeFailure = 40,
  kBadCertificate = 42,
  kInternalError = 80,
};

/// The name of an alert number (IANA "TLS Alerts"): "bad_certificate"; "unknown_alert" for other numbers.
std::string_view dtls_alert_name(int number);

/// One datagram with the alert: in plain text while the last record sent was of epoch 0, else sealed by
/// `cipher`. close_notify is a warning, the others are fatal. Empty when OpenSSL refuses or there is no
/// cipher.
std::vector<std::uint8_t> make_alert(const DtlsCipher* cipher, DtlsAlert alert,
                                     const DtlsWritePosition& last);

}  // namespace sluice::control
