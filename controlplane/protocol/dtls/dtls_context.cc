#include "controlplane/protocol/dtls/dtls_context.h"

namespace sluice::control {
namespace {

// Only AEAD with forward secrecy (RFC 8827 6.5 requires forward secrecy). All suites are AES-GCM, as
// dtls_alert needs. The RSA suites are for peers that are the server and have an RSA certificate; ours is
// ECDSA.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

// P-256 comes first: OpenSSL computes it faster than X25519, and every WebRTC peer supports it.
constexpr const char* kGroups = "P-256:X25519:P-384";

// No session is resumed: the keys of a call come from its own handshake, with its own fingerprint check.
constexpr std::uint64_t kOptions = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE;

int verify_peer(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return static_cast<PeerVerifier*>(SSL_get_app_data(ssl))->verify_peer(store, ssl) ? 1 : 0;
}

}  // namespace

std::shared_ptr<const DtlsContext> DtlsContext::make(std::shared_ptr<const DtlsCertificate> certificate,
                                                     std::span<const crypto::SrtpProfile> profiles,
                                                     std::string& error) {
  if (profiles.empty()) {
    error = "DTLS: no SRTP profile to offer; at least one is needed";
    return nullptr;
  }
  std::string names;
  for (const crypto::SrtpProfile profile : profiles) {
    if (!names.empty()) names.push_back(':');
    names += crypto::profile_info(profile).dtls_name;
  }
  ERR_clear_error();
  SslCtxPtr ctx(SSL_CTX_new(DTLS_method()));
  if (!ctx || SSL_CTX_set_min_proto_version(ctx.get(), DTLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx.get(), DTLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx.get(), kCiphers) != 1 ||
      SSL_CTX_set1_groups_list(ctx.get(), kGroups) != 1 ||
      SSL_CTX_use_certificate(ctx.get(), certificate->x509()) != 1 ||
      SSL_CTX_use_PrivateKey(ctx.get(), certificate->key()) != 1) {
    error = "DTLS context: " + take_openssl_error();
    return nullptr;
  }
  if (SSL_CTX_set_tlsext_use_srtp(ctx.get(), names.c_str()) != 0) {  // zero is success here
    error = "DTLS: OpenSSL refuses the SRTP profiles '" + names + "': " + take_openssl_error();
    return nullptr;
  }
  SSL_CTX_set_options(ctx.get(), kOptions);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS);  // the buffers are empty for most of a call
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx.get(), &verify_peer, nullptr);
  return std::shared_ptr<const DtlsContext>(
      new DtlsContext(std::move(ctx), std::move(certificate), profiles));
}

std::shared_ptr<const DtlsContext> DtlsContext::renewed(std::string& error) const {
  auto certificate = DtlsCertificate::self_made(error);
  return certificate ? make(std::move(certificate), profiles_, error) : nullptr;
}

}  // namespace sluice::control
