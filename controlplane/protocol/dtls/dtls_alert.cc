#include "controlplane/protocol/dtls/dtls_alert.h"

#include <algorithm>
#include <array>

namespace sluice::control {

std::string_view dtls_alert_name(int number) {
  switch (number) {
    case 0:
      return "close_notify";
    case 10:
      return "unexpected_message";
    case 20:
      return "bad_record_mac";
    case 22:
      return "record_overflow";
    case 40:
      return "handshake_failure";
    case 42:
      return "bad_certificate";
    case 43:
      return "unsupported_certificate";
    case 44:
      return "certificate_revoked";
    case 45:
      return "certificate_expired";
    case 46:
      return "certificate_unknown";
    case 47:
      return "illegal_parameter";
    case 48:
      return "unknown_ca";
    case 49:
      return "access_denied";
    case 50:
      return "decode_error";
    case 51:
      return "decrypt_error";
    case 70:
      return "protocol_version";
    case 71:
      return "insufficient_security";
    case 80:
      return "internal_error";
    case 86:
      return "inappropriate_fallback";
    case 90:
      return "user_canceled";
    case 100:
      return "no_renegotiation";
    case 109:
      return "missing_extension";
    case 110:
      return "unsupported_extension";
    case 113:
      return "bad_certificate_status_response";
    case 116:
      return "certificate_required";
    case 120:
      return "no_application_protocol";
    default:
      return "unknown_alert";
  }
}

std::vector<std::uint8_t> make_alert(const DtlsCipher* cipher, DtlsAlert alert,
                                     const DtlsWritePosition& last) {
  const bool warning = alert == DtlsAlert::kCloseNotify;
  const std::array<std::uint8_t, 2> plain{static_cast<std::uint8_t>(warning ? 1 : 2),
                                          static_cast<std::uint8_t>(alert)};
  if (last.epoch != 0)
    return cipher == nullptr ? std::vector<std::uint8_t>{}
                             : cipher->seal(DtlsContentType::kAlert, plain, last);
  std::vector<std::uint8_t> record(kDtlsRecordHeader + plain.size());
  store_record_header(record.data(), DtlsContentType::kAlert, 0, last.sequence + 1, plain.size());
  std::copy(plain.begin(), plain.end(), record.begin() + kDtlsRecordHeader);
  return record;
}

}  // namespace sluice::control
