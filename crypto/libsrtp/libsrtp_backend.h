// libsrtp_backend: which cryptographic library the libsrtp2 of this process uses. The speed of libsrtp_engine
// and some of its limits depend on that library, and libsrtp2 has no function that names it. Any thread.
#pragma once

#include <string>

namespace sluice::crypto {

/// "NSS", "OpenSSL", "mbedtls", "wolfSSL" or "built-in", read from the loaded object.
std::string libsrtp_crypto_library();

}  // namespace sluice::crypto
