// dtls_certificate: the ECDSA P-256 certificate that sluice shows in DTLS handshakes, self-made or read from
// PEM files.
//
// Threads: made on the control thread; immutable afterwards. Shared by the contexts that use it, so that
// rotation is making a new one for later endpoints while calls that run keep theirs. The private key never
// leaves OpenSSL's object.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "controlplane/base/openssl_ptr.h"

namespace sluice::control {

class DtlsCertificate {
 public:
  /// A new P-256 key and a self-signed certificate for it, valid from a day ago (peers' clocks differ) for
  /// `lifetime`. The name in it says nothing about the host (RFC 8827 6.5). nullptr with the reason in
  /// `error` when OpenSSL refuses.
  static std::shared_ptr<const DtlsCertificate> self_made(
      std::string& error, std::chrono::hours lifetime = std::chrono::hours(24 * 365));
  /// The first certificate of `certificate_path` with the unencrypted key of `key_path`. nullptr with the
  /// reason in `error` for a file that cannot be read or parsed, a key that is not P-256, or a pair that does
  /// not belong together. Validity dates are not looked at: the peer checks the fingerprint.
  static std::shared_ptr<const DtlsCertificate> load_pem(const std::string& certificate_path,
                                                         const std::string& key_path, std::string& error);

  /// The sha-256 fingerprint for signalling: "AB:CD:...", 32 pairs.
  const std::string& sha256_fingerprint() const { return sha256_fingerprint_; }

  X509* x509() const { return x509_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  DtlsCertificate(X509Ptr x509, EvpPkeyPtr key);

  X509Ptr x509_;
  EvpPkeyPtr key_;
  std::string sha256_fingerprint_;
};

}  // namespace sluice::control
