#include "controlplane/protocol/dtls/dtls_alert.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

#include "crypto/srtp/secret.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

using dataplane::store_be16;
using dataplane::store_be32;

constexpr std::size_t kGcmSalt = 4;
constexpr std::size_t kGcmTag = 16;
constexpr std::size_t kExplicitNonce = 8;
constexpr std::size_t kMaxKey = 32;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMasterSecret = 48;

struct WriteKey {
  crypto::Secret<kMaxKey> key;
  crypto::Secret<kGcmSalt> salt;
  const EVP_CIPHER* cipher = nullptr;
};

// Epoch and sequence number: the 8 bytes of the record header that TLS counts as one number.
void store_position(std::uint8_t* p, std::uint16_t epoch, std::uint64_t sequence) {
  store_be16(p, epoch);
  store_be16(p + 2, static_cast<std::uint16_t>(sequence >> 32));
  store_be32(p + 4, static_cast<std::uint32_t>(sequence));
}

// RFC 5246 5 and 6.3: PRF(master_secret, "key expansion", server_random + client_random).
bool expand_key_block(SSL* ssl, std::span<std::uint8_t> block) {
  std::array<std::uint8_t, kMasterSecret> master{};
  const SSL_SESSION* session = SSL_get_session(ssl);
  const EVP_MD* digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
  if (session == nullptr || digest == nullptr) return false;
  if (SSL_SESSION_get_master_key(session, master.data(), master.size()) != master.size()) return false;
  std::array<std::uint8_t, 13 + 2 * kRandom> seed{'k', 'e', 'y', ' ', 'e', 'x', 'p',
                                                  'a', 'n', 's', 'i', 'o', 'n'};
  SSL_get_server_random(ssl, seed.data() + 13, kRandom);
  SSL_get_client_random(ssl, seed.data() + 13 + kRandom, kRandom);

  const EvpKdfPtr kdf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
  const EvpKdfCtxPtr context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  std::array<OSSL_PARAM, 4> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(EVP_MD_get0_name(digest)), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(), seed.size()),
      OSSL_PARAM_construct_end()};
  const bool ok =
      context && EVP_KDF_derive(context.get(), block.data(), block.size(), parameters.data()) == 1;
  crypto::wipe(master.data(), master.size());
  return ok;
}

// The key block is client key | server key | client salt | server salt: AEAD suites have no MAC keys.
bool derive_write_key(SSL* ssl, DtlsRole our_role, WriteKey& out) {
  const SSL_CIPHER* suite = SSL_get_current_cipher(ssl);
  if (suite == nullptr) return false;
  const int nid = SSL_CIPHER_get_cipher_nid(suite);
  assert(nid == NID_aes_128_gcm || nid == NID_aes_256_gcm);
  if (nid != NID_aes_128_gcm && nid != NID_aes_256_gcm) return false;
  out.cipher = nid == NID_aes_128_gcm ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
  const std::size_t key_length = nid == NID_aes_128_gcm ? 16 : 32;
  std::array<std::uint8_t, 2 * (kMaxKey + kGcmSalt)> block{};
  const auto used = std::span(block).first(2 * (key_length + kGcmSalt));
  const bool ok = expand_key_block(ssl, used);
  if (ok) {
    const bool client = our_role == DtlsRole::kActive;
    out.key.assign(used.subspan(client ? 0 : key_length, key_length));
    out.salt.assign(used.subspan(2 * key_length + (client ? 0 : kGcmSalt), kGcmSalt));
  }
  crypto::wipe(block.data(), block.size());
  return ok;
}

// RFC 5288 3, RFC 6347 4.1.2.1: nonce = salt || explicit nonce; AAD = epoch, sequence, type, version, plain
// length.
bool seal(const WriteKey& key, std::span<const std::uint8_t, 8> position,
          std::span<const std::uint8_t, 2> plain, std::span<std::uint8_t> payload) {
  std::array<std::uint8_t, kGcmSalt + kExplicitNonce> nonce{};
  std::copy_n(key.salt.data(), kGcmSalt, nonce.begin());
  std::copy_n(payload.begin(), kExplicitNonce, nonce.begin() + kGcmSalt);
  std::array<std::uint8_t, 13> aad{};
  std::copy(position.begin(), position.end(), aad.begin());
  aad[8] = static_cast<std::uint8_t>(DtlsContentType::kAlert);
  store_be16(aad.data() + 9, DTLS1_2_VERSION);
  store_be16(aad.data() + 11, static_cast<std::uint16_t>(plain.size()));
  const EvpCipherCtxPtr context(EVP_CIPHER_CTX_new());
  std::uint8_t* sealed = payload.data() + kExplicitNonce;
  int length = 0;
  return context &&
         EVP_EncryptInit_ex(context.get(), key.cipher, nullptr, key.key.data(), nonce.data()) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), sealed, &length, plain.data(), static_cast<int>(plain.size())) ==
             1 &&
         EVP_EncryptFinal_ex(context.get(), sealed + plain.size(), &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTag, sealed + plain.size()) == 1;
}

}  // namespace

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

std::vector<std::uint8_t> make_alert(SSL* ssl, DtlsAlert alert, const DtlsWritePosition& last,
                                     DtlsRole our_role) {
  const bool warning = alert == DtlsAlert::kCloseNotify;
  const std::array<std::uint8_t, 2> plain{static_cast<std::uint8_t>(warning ? 1 : 2),
                                          static_cast<std::uint8_t>(alert)};
  const std::size_t payload = last.epoch == 0 ? plain.size() : kExplicitNonce + plain.size() + kGcmTag;
  std::vector<std::uint8_t> record(kDtlsRecordHeader + payload);
  record[0] = static_cast<std::uint8_t>(DtlsContentType::kAlert);
  store_be16(record.data() + 1, DTLS1_2_VERSION);
  store_position(record.data() + 3, last.epoch, last.sequence + 1);
  store_be16(record.data() + 11, static_cast<std::uint16_t>(payload));
  if (last.epoch == 0) {
    std::copy(plain.begin(), plain.end(), record.begin() + kDtlsRecordHeader);
    return record;
  }
  // The nonce continues after OpenSSL's last one, so that none repeats under this key.
  const std::uint64_t nonce = last.explicit_nonce + 1;
  store_be32(record.data() + kDtlsRecordHeader, static_cast<std::uint32_t>(nonce >> 32));
  store_be32(record.data() + kDtlsRecordHeader + 4, static_cast<std::uint32_t>(nonce));
  WriteKey key;
  const std::span<const std::uint8_t, 8> position(record.data() + 3, 8);
  if (!derive_write_key(ssl, our_role, key) ||
      !seal(key, position, plain, std::span(record).subspan(kDtlsRecordHeader)))
    record.clear();
  ERR_clear_error();
  return record;
}

}  // namespace sluice::control
