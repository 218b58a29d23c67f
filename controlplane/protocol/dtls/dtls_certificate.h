// dtls_certificate: the ECDSA P-256 certificate that sluice shows in DTLS handshakes: made at the start, or
// read from PEM files.
//
// Threads: made on the control thread; immutable afterwards. Contexts share it, so a new certificate can be
// made for later endpoints while running calls keep the old one. The private key never leaves OpenSSL's
// object.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "controlplane/base/openssl_ptr.h"

namespace sluice::control {

class DtlsCertificate {
 public:
  /// A new P-256 key and a self-signed certificate for it. It is valid from one day ago, since peers' clocks
  /// differ, until `lifetime` from now. Its name says nothing about the host (RFC 8827 6.5). nullptr with the
  /// reason in `error` when OpenSSL refuses.
  static std::shared_ptr<const DtlsCertificate> self_made(
      std::string& error, std::chrono::hours lifetime = std::chrono::hours(24 * 365));
  /// The first certificate of `certificate_path` and the unencrypted key of `key_path`. nullptr with the
  /// reason in `error` when a file cannot be read or parsed, the key is not P-256, or the two do not belong
  /// together. Validity dates are not checked, since the peer checks the fingerprint.
  static std::shared_ptr<const DtlsCertificate> load_pem(const std::string& certificate_path,
                                                         const std::string& key_path, std::string& error);

  /// The sha-256 fingerprint for signalling: "AB:CD:...", 32 pairs.
  const std::string& sha256_fingerprint() const { return sha256_fingerprint_; }

  /// Whether it ends within `period` from now, by the clock of the host.
  [[nodiscard]] bool ends_within(std::chrono::hours period) const;
  [[nodiscard]] bool is_self_made() const { return self_made_; }

  X509* x509() const { return x509_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  DtlsCertificate(X509Ptr x509, EvpPkeyPtr key, bool self_made);

  X509Ptr x509_;
  EvpPkeyPtr key_;
  std::string sha256_fingerprint_;
  bool self_made_;
};

}  // namespace sluice::control
