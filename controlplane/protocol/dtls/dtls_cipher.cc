#include "controlplane/protocol/dtls/dtls_cipher.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

using dataplane::store_be16;
using dataplane::store_be32;

constexpr std::size_t kTag = 16;
constexpr std::size_t kExplicitNonce = 8;
constexpr std::size_t kSaltLength = 4;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMasterSecret = 48;
constexpr std::size_t kPosition = 3;  // where epoch and sequence number stand in a record

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

const EVP_CIPHER* gcm(std::size_t key_length) {
  return key_length == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

// RFC 5288 3: nonce = salt || explicit nonce.
std::array<std::uint8_t, kSaltLength + kExplicitNonce> nonce_of(std::span<const std::uint8_t> salt,
                                                                std::span<const std::uint8_t> record) {
  std::array<std::uint8_t, kSaltLength + kExplicitNonce> nonce{};
  std::copy_n(salt.begin(), kSaltLength, nonce.begin());
  std::copy_n(record.begin() + kDtlsRecordHeader, kExplicitNonce, nonce.begin() + kSaltLength);
  return nonce;
}

// RFC 6347 4.1.2.1: epoch, sequence number, type, version, length of the plain text.
std::array<std::uint8_t, kDtlsRecordHeader> aad_of(std::span<const std::uint8_t> record, std::size_t plain) {
  std::array<std::uint8_t, kDtlsRecordHeader> aad{};
  std::copy_n(record.begin() + kPosition, 8, aad.begin());
  std::copy_n(record.begin(), 3, aad.begin() + 8);
  store_be16(aad.data() + 11, static_cast<std::uint16_t>(plain));
  return aad;
}

}  // namespace

// The key block is client key | server key | client salt | server salt: AEAD suites have no MAC keys.
std::optional<DtlsCipher> DtlsCipher::of(SSL* ssl, DtlsRole our_role) {
  static_assert(kSalt == kSaltLength);
  const SSL_CIPHER* suite = SSL_get_current_cipher(ssl);
  if (suite == nullptr) return std::nullopt;
  const int nid = SSL_CIPHER_get_cipher_nid(suite);
  assert(nid == NID_aes_128_gcm || nid == NID_aes_256_gcm);
  if (nid != NID_aes_128_gcm && nid != NID_aes_256_gcm) return std::nullopt;
  const std::size_t key = nid == NID_aes_128_gcm ? 16 : 32;
  std::array<std::uint8_t, 2 * (kMaxKey + kSalt)> block{};
  const auto used = std::span(block).first(2 * (key + kSalt));
  std::optional<DtlsCipher> made;
  if (expand_key_block(ssl, used)) {
    made.emplace();
    const bool client = our_role == DtlsRole::kActive;
    Keys& of_client = client ? made->write_ : made->read_;
    Keys& of_server = client ? made->read_ : made->write_;
    of_client.key.assign(used.subspan(0, key));
    of_server.key.assign(used.subspan(key, key));
    of_client.salt.assign(used.subspan(2 * key, kSalt));
    of_server.salt.assign(used.subspan(2 * key + kSalt, kSalt));
  }
  crypto::wipe(block.data(), block.size());
  return made;
}

std::vector<std::uint8_t> DtlsCipher::seal(DtlsContentType type, std::span<const std::uint8_t> plain,
                                           const DtlsWritePosition& last) const {
  const std::size_t payload = kExplicitNonce + plain.size() + kTag;
  std::vector<std::uint8_t> record(kDtlsRecordHeader + payload);
  store_record_header(record.data(), type, last.epoch, last.sequence + 1, payload);
  // The nonce continues after OpenSSL's last one, so that none repeats under this key.
  const std::uint64_t counter = last.explicit_nonce + 1;
  store_be32(record.data() + kDtlsRecordHeader, static_cast<std::uint32_t>(counter >> 32));
  store_be32(record.data() + kDtlsRecordHeader + 4, static_cast<std::uint32_t>(counter));
  const auto nonce = nonce_of(write_.salt.bytes(), record);
  const auto aad = aad_of(record, plain.size());
  const EvpCipherCtxPtr context(EVP_CIPHER_CTX_new());
  std::uint8_t* sealed = record.data() + kDtlsRecordHeader + kExplicitNonce;
  int length = 0;
  const bool ok =
      context &&
      EVP_EncryptInit_ex(context.get(), gcm(write_.key.size()), nullptr, write_.key.data(), nonce.data()) ==
          1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), sealed, &length, plain.data(), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), sealed + plain.size(), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, sealed + plain.size()) == 1;
  if (!ok) record.clear();
  ERR_clear_error();
  return record;
}

std::optional<std::vector<std::uint8_t>> DtlsCipher::open(std::span<const std::uint8_t> record) const {
  if (record.size() < kDtlsRecordHeader + kExplicitNonce + kTag) return std::nullopt;
  std::vector<std::uint8_t> plain(record.size() - kDtlsRecordHeader - kExplicitNonce - kTag);
  const auto nonce = nonce_of(read_.salt.bytes(), record);
  const auto aad = aad_of(record, plain.size());
  std::array<std::uint8_t, kTag> tag{};
  std::copy_n(record.end() - kTag, kTag, tag.begin());
  const std::uint8_t* sealed = record.data() + kDtlsRecordHeader + kExplicitNonce;
  const EvpCipherCtxPtr context(EVP_CIPHER_CTX_new());
  int length = 0;
  std::uint8_t none = 0;
  std::uint8_t* out = plain.empty() ? &none : plain.data();
  const bool ok =
      context &&
      EVP_DecryptInit_ex(context.get(), gcm(read_.key.size()), nullptr, read_.key.data(), nonce.data()) ==
          1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &length, sealed, static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out, &length) == 1;
  ERR_clear_error();
  if (!ok) return std::nullopt;
  return plain;
}

}  // namespace sluice::control
