// dtls_alert: an alert record of our own making (RFC 5246 7.2, RFC 6347 4.1, RFC 5288). OpenSSL sends the
// alerts of its own errors, but has no call for one that the application wants, such as "the keys could not
// be installed" after the handshake. So the record is sealed here with the connection's own write key, under
// the next numbers.
//
// Thread: control. After it OpenSSL must write nothing more on that connection: its numbers would repeat.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "controlplane/base/openssl_ptr.h"
#include "controlplane/protocol/dtls/dtls_record.h"

namespace sluice::control {

/// RFC 5246 7.2. The values are those on the wire.
enum class DtlsAlert : std::uint8_t {
  kCloseNotify = 0,
  kHandshakeFailure = 40,
  kBadCertificate = 42,
  kInternalError = 80,
};

/// "bad_certificate" and the like, for any alert number (IANA "TLS Alerts").
std::string_view dtls_alert_name(int number);

/// One datagram with the alert: in plain text while the last record sent was of epoch 0, sealed with AES-GCM
/// after. Fatal but for close_notify. Empty when OpenSSL refuses. REQUIRES: `last` is the
/// position of the last record that `ssl` sent; the cipher is one of DtlsContext's.
std::vector<std::uint8_t> make_alert(SSL* ssl, DtlsAlert alert, const DtlsWritePosition& last,
                                     DtlsRole our_role);

}  // namespace sluice::control
