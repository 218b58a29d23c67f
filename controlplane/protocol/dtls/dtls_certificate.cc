#include "controlplane/protocol/dtls/dtls_certificate.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>
#include <ctime>
#include <string_view>

#include "config/regular_file.h"
#include "controlplane/protocol/dtls/dtls_fingerprint.h"

namespace sluice::control {
namespace {

constexpr long kClockSkewSeconds = 24L * 3600;

bool set_random_serial(X509* x509) {
  std::array<unsigned char, 8> raw{};
  if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1) return false;
  raw[0] = static_cast<unsigned char>((raw[0] & 0x7f) | 0x40);  // positive and never zero (RFC 5280 4.1.2.2)
  BIGNUM* number = BN_bin2bn(raw.data(), static_cast<int>(raw.size()), nullptr);
  const bool ok = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != nullptr;
  BN_free(number);
  return ok;
}

bool fill_and_sign(X509* x509, EVP_PKEY* key, std::chrono::hours lifetime) {
  static constexpr std::string_view kName = "sluice";
  X509_NAME* name = X509_get_subject_name(x509);
  const long seconds = static_cast<long>(std::chrono::seconds(lifetime).count());
  return X509_set_version(x509, X509_VERSION_3) == 1 && set_random_serial(x509) &&
         X509_gmtime_adj(X509_getm_notBefore(x509), -kClockSkewSeconds) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(x509), seconds) != nullptr &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(kName.data()),
                                    static_cast<int>(kName.size()), -1, 0) == 1 &&
         X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
         X509_sign(x509, key, EVP_sha256()) != 0;
}

// What kind of key it is: "EC prime256v1", "RSA 2048 bits".
std::string describe_key(EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t length = 0;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1)
    return std::string("EC ") + group.data();
  const char* type = EVP_PKEY_get0_type_name(key);
  return (type == nullptr ? std::string("unknown") : std::string(type)) + " " +
         std::to_string(EVP_PKEY_get_bits(key)) + " bits";
}

// Refuses a key with a passphrase: a daemon has no user to ask.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

template <typename Ptr, typename Read>
Ptr read_pem(const std::string& path, std::string_view what, Read read, std::string& error) {
  std::string found;
  const int fd = config::open_regular_file(path, found);
  if (fd < 0) {
    error = std::string(what) + " '" + path + "': found " + found + ", allowed is a readable PEM file";
    return nullptr;
  }
  ERR_clear_error();
  const BioPtr file(BIO_new_fd(fd, BIO_CLOSE));
  Ptr object(file ? read(file.get()) : nullptr);
  if (!object) error = std::string(what) + " '" + path + "': " + take_openssl_error();
  return object;
}

}  // namespace

DtlsCertificate::DtlsCertificate(X509Ptr x509, EvpPkeyPtr key, bool self_made)
    : x509_(std::move(x509)),
      key_(std::move(key)),
      sha256_fingerprint_(DtlsFingerprint::of(x509_.get(), FingerprintHash::kSha256).value()),
      self_made_(self_made) {}

bool DtlsCertificate::ends_within(std::chrono::hours period) const {
  std::time_t then = std::time(nullptr) + std::chrono::duration_cast<std::chrono::seconds>(period).count();
  return X509_cmp_time(X509_get0_notAfter(x509_.get()), &then) < 0;
}

std::shared_ptr<const DtlsCertificate> DtlsCertificate::self_made(std::string& error,
                                                                  std::chrono::hours lifetime) {
  ERR_clear_error();
  EvpPkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr x509(X509_new());
  if (!key || !x509 || !fill_and_sign(x509.get(), key.get(), lifetime)) {
    error = "making an ECDSA P-256 certificate: " + take_openssl_error();
    return nullptr;
  }
  return std::shared_ptr<const DtlsCertificate>(new DtlsCertificate(std::move(x509), std::move(key), true));
}

std::shared_ptr<const DtlsCertificate> DtlsCertificate::load_pem(const std::string& certificate_path,
                                                                 const std::string& key_path,
                                                                 std::string& error) {
  auto x509 = read_pem<X509Ptr>(
      certificate_path, "DTLS certificate",
      [](BIO* file) { return PEM_read_bio_X509(file, nullptr, no_passphrase, nullptr); }, error);
  if (!x509) return nullptr;
  auto key = read_pem<EvpPkeyPtr>(
      key_path, "DTLS private key",
      [](BIO* file) { return PEM_read_bio_PrivateKey(file, nullptr, no_passphrase, nullptr); }, error);
  if (!key) return nullptr;
  if (const std::string found = describe_key(key.get()); found != "EC prime256v1") {
    error = "DTLS private key '" + key_path + "': found " + found + ", allowed is EC prime256v1 (P-256)";
    return nullptr;
  }
  if (X509_check_private_key(x509.get(), key.get()) != 1) {
    ERR_clear_error();
    error = "DTLS certificate '" + certificate_path + "' is not of the private key '" + key_path + "'";
    return nullptr;
  }
  return std::shared_ptr<const DtlsCertificate>(new DtlsCertificate(std::move(x509), std::move(key), false));
}

}  // namespace sluice::control
