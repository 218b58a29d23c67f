// openssl_ptr: owning pointers to OpenSSL objects, and OpenSSL's error queue as text. Any thread; each thread
// has its own queue.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <string>

namespace sluice::control {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using EvpPkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, OpensslFree<BIO_meth_free>>;
using EvpKdfPtr = std::unique_ptr<EVP_KDF, OpensslFree<EVP_KDF_free>>;
using EvpKdfCtxPtr = std::unique_ptr<EVP_KDF_CTX, OpensslFree<EVP_KDF_CTX_free>>;
using EvpCipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;

/// The text of the oldest error in the queue, which is the first cause; "no reason given" when the queue is
/// empty. Empties the queue.
inline std::string take_openssl_error() {
  const unsigned long code = ERR_peek_error();
  std::array<char, 256> text{};
  if (code != 0) ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return code == 0 ? "no reason given" : std::string(text.data());
}

}  // namespace sluice::control
