// dtls_context: what all DTLS handshakes with one certificate have in common (one OpenSSL SSL_CTX): DTLS 1.2,
// ECDHE with AES-GCM, the offered SRTP profiles, and that the peer must show a certificate. The transport
// compares that certificate with the signalled fingerprints; no CA is asked (RFC 5763 5).
//
// Thread: control. Immutable once made. The transports share it and keep it alive.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "controlplane/base/openssl_ptr.h"
#include "controlplane/protocol/dtls/dtls_certificate.h"
#include "crypto/srtp/srtp_profile.h"

namespace sluice::control {

/// Checks the peer's certificate in a handshake. SSL_set_app_data of each SSL of a context points to a
/// PeerVerifier.
class PeerVerifier {
 public:
  /// False ends the handshake; OpenSSL then sends the alert for the error that is set in `store`.
  [[nodiscard]] virtual bool verify_peer(X509_STORE_CTX* store, SSL* ssl) = 0;

 protected:
  ~PeerVerifier() = default;
};

class DtlsContext {
 public:
  /// Offers exactly `profiles`, in this order of preference (RFC 5764 4.1.2). nullptr with the reason in
  /// `error` when the list is empty or OpenSSL refuses.
  static std::shared_ptr<const DtlsContext> make(std::shared_ptr<const DtlsCertificate> certificate,
                                                 std::span<const crypto::SrtpProfile> profiles,
                                                 std::string& error);

  /// The same with a new self-made certificate; nullptr with the reason in `error`.
  [[nodiscard]] std::shared_ptr<const DtlsContext> renewed(std::string& error) const;

  const DtlsCertificate& certificate() const { return *certificate_; }
  SSL_CTX* ssl_ctx() const { return ctx_.get(); }

 private:
  DtlsContext(SslCtxPtr ctx, std::shared_ptr<const DtlsCertificate> certificate,
              std::span<const crypto::SrtpProfile> profiles)
      : ctx_(std::move(ctx)),
        certificate_(std::move(certificate)),
        profiles_(profiles.begin(), profiles.end()) {}

  SslCtxPtr ctx_;
  std::shared_ptr<const DtlsCertificate> certificate_;
  std::vector<crypto::SrtpProfile> profiles_;
};

}  // namespace sluice::control
