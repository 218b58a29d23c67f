// dtls_peer: the peer of the DTLS tests: OpenSSL used directly, with no code of sluice.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::control::test {

using Bytes = std::vector<std::uint8_t>;

struct PeerOptions {
  bool client = true;
  const char* profiles = "SRTP_AEAD_AES_128_GCM";  // nullptr: no use_srtp extension
  const char* ciphers = nullptr;
  int max_version = DTLS1_2_VERSION;
  bool rsa = false;
  bool show_certificate = true;
  bool accept_peer = true;
  long mtu = 1200;
  std::string server_name = {};
  bool asks_for_cookie = false;  // a server that answers the first ClientHello with a HelloVerifyRequest
};

class DtlsPeer {
 public:
  explicit DtlsPeer(const PeerOptions& options) {
    key_ = options.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    make_certificate();
    ctx_ = SSL_CTX_new(options.client ? DTLS_client_method() : DTLS_server_method());
    SSL_CTX_set_security_level(ctx_, 0);
    SSL_CTX_set_min_proto_version(ctx_, DTLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx_, options.max_version);
    if (options.ciphers != nullptr) SSL_CTX_set_cipher_list(ctx_, options.ciphers);
    if (options.show_certificate) {
      SSL_CTX_use_certificate(ctx_, x509_);
      SSL_CTX_use_PrivateKey(ctx_, key_);
    }
    if (options.profiles != nullptr) SSL_CTX_set_tlsext_use_srtp(ctx_, options.profiles);
    SSL_CTX_set_verify(
        ctx_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        options.accept_peer ? [](int, X509_STORE_CTX*) { return 1; } : [](int, X509_STORE_CTX* store) {
          X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
          return 0;
        });
    if (options.asks_for_cookie) {
      SSL_CTX_set_options(ctx_, SSL_OP_COOKIE_EXCHANGE);
      SSL_CTX_set_cookie_generate_cb(ctx_, [](SSL*, unsigned char* cookie, unsigned* length) {
        *length = 8;
        std::memcpy(cookie, "a cookie", 8);
        return 1;
      });
      SSL_CTX_set_cookie_verify_cb(ctx_, [](SSL*, const unsigned char* cookie, unsigned length) {
        return length == 8 && std::memcmp(cookie, "a cookie", 8) == 0 ? 1 : 0;
      });
    }
    ssl_ = SSL_new(ctx_);
    method_ = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x70, "test datagrams");
    BIO_meth_set_write(method_, [](BIO* bio, const char* data, int length) {
      static_cast<DtlsPeer*>(BIO_get_data(bio))->sent.emplace_back(data, data + length);
      return length;
    });
    BIO_meth_set_read(method_, [](BIO* bio, char* data, int length) {
      auto& inbox = static_cast<DtlsPeer*>(BIO_get_data(bio))->inbox_;
      BIO_clear_retry_flags(bio);
      if (inbox.empty()) {
        BIO_set_retry_read(bio);
        return -1;
      }
      const int size = std::min(length, static_cast<int>(inbox.front().size()));
      std::memcpy(data, inbox.front().data(), static_cast<std::size_t>(size));
      inbox.pop_front();
      return size;
    });
    BIO_meth_set_ctrl(method_,
                      [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
    BIO* bio = BIO_new(method_);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_options(ssl_, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl_, options.mtu);
    DTLS_set_timer_cb(ssl_,
                      [](SSL*, unsigned last) { return last == 0 ? 20000U : std::min(2 * last, 100000U); });
    if (!options.server_name.empty()) SSL_set_tlsext_host_name(ssl_, options.server_name.c_str());
    if (options.client) {
      SSL_set_connect_state(ssl_);
    } else {
      SSL_set_accept_state(ssl_);
    }
  }
  ~DtlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(ctx_);
    BIO_meth_free(method_);
    X509_free(x509_);
    EVP_PKEY_free(key_);
  }
  DtlsPeer(const DtlsPeer&) = delete;
  DtlsPeer& operator=(const DtlsPeer&) = delete;

  /// Processes the datagrams that have arrived.
  void run() {
    ERR_clear_error();
    if (!connected) {
      const int result = SSL_do_handshake(ssl_);
      connected = result == 1;
      if (!connected) note(result);
    }
    while (connected && !closed && error.empty()) {
      std::array<char, 2048> data{};
      const int result = SSL_read(ssl_, data.data(), data.size());
      if (result <= 0) {
        note(result);
        break;
      }
    }
  }
  void receive(std::span<const std::uint8_t> datagram) {
    inbox_.emplace_back(datagram.begin(), datagram.end());
    run();
  }
  void on_timer() {
    ERR_clear_error();
    DTLSv1_handle_timeout(ssl_);
  }
  void write(std::string_view text) { SSL_write(ssl_, text.data(), static_cast<int>(text.size())); }
  void shut_down() { SSL_shutdown(ssl_); }

  std::string fingerprint(const EVP_MD* digest) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned length = 0;
    X509_digest(x509_, digest, raw.data(), &length);
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
      std::array<char, 4> pair{};
      std::snprintf(pair.data(), pair.size(), i == 0 ? "%02x" : ":%02x", raw[i]);
      text += pair.data();
    }
    return text;
  }
  std::string profile_name() const {
    const auto* profile = SSL_get_selected_srtp_profile(ssl_);
    return profile == nullptr ? std::string() : profile->name;
  }
  Bytes keying_material(std::size_t length) const {
    Bytes material(length);
    SSL_export_keying_material(ssl_, material.data(), length, "EXTRACTOR-dtls_srtp", 19, nullptr, 0, 0);
    return material;
  }
  std::string cipher() const { return SSL_get_cipher_name(ssl_); }

  std::deque<Bytes> sent;
  bool connected = false;
  bool closed = false;  // by the other side's close_notify
  std::string error;    // the first error

 private:
  void make_certificate() {
    x509_ = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509_), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509_), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509_), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("peer"), -1, -1, 0);
    X509_set_issuer_name(x509_, X509_get_subject_name(x509_));
    X509_set_pubkey(x509_, key_);
    X509_sign(x509_, key_, EVP_sha256());
  }
  void note(int result) {
    const int kind = SSL_get_error(ssl_, result);
    if (kind == SSL_ERROR_ZERO_RETURN) closed = true;
    if (kind != SSL_ERROR_SSL || !error.empty()) return;
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    error = reason == nullptr ? "unknown" : reason;
  }

  EVP_PKEY* key_ = nullptr;
  X509* x509_ = nullptr;
  SSL_CTX* ctx_ = nullptr;
  SSL* ssl_ = nullptr;
  BIO_METHOD* method_ = nullptr;
  std::deque<Bytes> inbox_;
};

}  // namespace sluice::control::test
