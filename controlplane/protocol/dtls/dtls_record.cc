#include "controlplane/protocol/dtls/dtls_record.h"

#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

using dataplane::load_be16;
using dataplane::load_be32;
using dataplane::store_be16;
using dataplane::store_be32;

constexpr std::uint16_t kVersion = 0xfefd;  // DTLS 1.2
constexpr std::size_t kHandshakeHeader = 12;
constexpr std::uint32_t kMaxCertificates = 12288;  // a chain, or names of CAs; a browser sends 1 KiB
constexpr std::uint32_t kMaxMessage = 4096;        // a ClientHello with a post-quantum key share has 2 KiB
constexpr std::uint8_t kCertificate = 11;
constexpr std::uint8_t kCertificateRequest = 13;
// RFC 5246 7.2
constexpr std::uint8_t kFatalLevel = 2;
constexpr std::uint8_t kCloseNotify = 0;

std::uint64_t load_be48(const std::uint8_t* p) {
  return std::uint64_t{load_be16(p)} << 32 | load_be32(p + 2);
}

// Whether the peer sends handshake messages of that type (RFC 5246 7.4, RFC 6347 4.3.2, RFC 6066 8, RFC 5077
// 3.3).
bool peer_sends(std::uint8_t handshake_type, DtlsRole our_role) {
  switch (handshake_type) {
    case kCertificate:
      return true;
    case 1:   // client_hello
    case 15:  // certificate_verify
    case 16:  // client_key_exchange
      return our_role == DtlsRole::kPassive;
    case 2:   // server_hello
    case 3:   // hello_verify_request
    case 4:   // new_session_ticket
    case 12:  // server_key_exchange
    case 13:  // certificate_request
    case 14:  // server_hello_done
    case 22:  // certificate_status
      return our_role == DtlsRole::kActive;
    default:
      return false;  // finished (20) is never in plain text; a first handshake has no hello_request (0)
  }
}

bool has_certificates(std::uint8_t handshake_type) {
  return handshake_type == kCertificate || handshake_type == kCertificateRequest;
}

// A record may hold several handshake messages, or parts of them.
bool handshake_ok(std::span<const std::uint8_t> payload, DtlsRole our_role, bool& certificate) {
  if (payload.empty()) return false;
  while (!payload.empty()) {
    if (payload.size() < kHandshakeHeader) return false;
    const std::uint32_t length = load_be24(payload.data() + 1);
    const std::uint32_t offset = load_be24(payload.data() + 6);
    const std::uint32_t fragment = load_be24(payload.data() + 9);
    if (length > (has_certificates(payload[0]) ? kMaxCertificates : kMaxMessage) || offset > length ||
        fragment > length - offset)
      return false;
    if (fragment == 0 && length != 0) return false;
    if (fragment > payload.size() - kHandshakeHeader || !peer_sends(payload[0], our_role)) return false;
    certificate = certificate || payload[0] == kCertificate;
    payload = payload.subspan(kHandshakeHeader + fragment);
  }
  return true;
}

bool plain_text_ok(DtlsContentType type, std::span<const std::uint8_t> payload, DtlsRole our_role,
                   bool& certificate) {
  switch (type) {
    case DtlsContentType::kChangeCipherSpec:
      return payload.size() == 1 && payload[0] == 1;
    case DtlsContentType::kAlert:
      return payload.size() == 2 && (payload[0] == 1 || payload[0] == 2);
    case DtlsContentType::kHandshake:
      return handshake_ok(payload, our_role, certificate);
    case DtlsContentType::kApplicationData:
      return false;
  }
  return false;
}

bool known_type(std::uint8_t type) {
  return type >= 20 && type <= 23;
}

}  // namespace

std::span<const std::uint8_t> first_record(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kDtlsRecordHeader) return {};
  const std::size_t length = kDtlsRecordHeader + load_be16(bytes.data() + 11);
  return length > bytes.size() ? std::span<const std::uint8_t>{} : bytes.first(length);
}

std::uint16_t epoch_of(std::span<const std::uint8_t> record) {
  return load_be16(record.data() + 3);
}

void store_record_header(std::uint8_t* p, DtlsContentType type, std::uint16_t epoch, std::uint64_t sequence,
                         std::size_t length) {
  p[0] = static_cast<std::uint8_t>(type);
  store_be16(p + 1, kVersion);
  store_be16(p + 3, epoch);
  store_be16(p + 5, static_cast<std::uint16_t>(sequence >> 32));
  store_be32(p + 7, static_cast<std::uint32_t>(sequence));
  store_be16(p + 11, static_cast<std::uint16_t>(length));
}

std::uint32_t load_be24(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 16 | load_be16(p + 1);
}

void store_be24(std::uint8_t* p, std::size_t value) {
  p[0] = static_cast<std::uint8_t>(value >> 16);
  store_be16(p + 1, static_cast<std::uint16_t>(value));
}

DtlsScreened screen_datagram(std::span<const std::uint8_t> datagram, DtlsRole our_role) {
  DtlsScreened screened;
  while (!datagram.empty()) {
    const auto record = first_record(datagram);
    // 0xfe is the major version of DTLS 1.0 to 1.2 (one's complement of 1).
    if (record.empty() || !known_type(record[0]) || record[1] != 0xfe) {
      ++screened.refused;
      return screened;
    }
    datagram = datagram.subspan(record.size());
    const auto payload = record.subspan(kDtlsRecordHeader);
    bool certificate = false;
    const bool plain_text = epoch_of(record) == 0;
    if (plain_text && !plain_text_ok(DtlsContentType{record[0]}, payload, our_role, certificate)) {
      ++screened.refused;
      continue;
    }
    if (plain_text && DtlsContentType{record[0]} == DtlsContentType::kAlert) {
      if (payload[0] == kFatalLevel || payload[1] == kCloseNotify) screened.alert = payload[1];
      continue;
    }
    screened.handshake =
        screened.handshake || (plain_text && DtlsContentType{record[0]} == DtlsContentType::kHandshake);
    screened.certificate = screened.certificate || certificate;
    screened.records.insert(screened.records.end(), record.begin(), record.end());
  }
  return screened;
}

std::optional<DtlsWritePosition> last_record(std::span<const std::uint8_t> datagram) {
  std::optional<DtlsWritePosition> last;
  for (auto record = first_record(datagram); !record.empty(); record = first_record(datagram)) {
    last = DtlsWritePosition{epoch_of(record), load_be48(record.data() + 5), 0};
    if (last->epoch != 0 && record.size() >= kDtlsRecordHeader + 8)
      last->explicit_nonce =
          std::uint64_t{load_be32(record.data() + 13)} << 32 | load_be32(record.data() + 17);
    datagram = datagram.subspan(record.size());
  }
  return last;
}

}  // namespace sluice::control
