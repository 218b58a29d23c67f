// libsrtp_backend: which cryptographic library the libsrtp2 of this process works with. libsrtp2 does not
// say; it decides its speed and its limits (libsrtp_engine.h). Any thread.
#pragma once

#include <string>

namespace sluice::crypto {

/// "NSS", "OpenSSL", "mbedtls", "wolfSSL" or "built-in", read from the loaded object.
std::string libsrtp_crypto_library();

}  // namespace sluice::crypto
