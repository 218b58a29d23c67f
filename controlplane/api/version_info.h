// version_info: the versions of sluice and of the libraries that it is linked to at run time, which may
// differ from those that it was built with. versions.h fills it in. Plain values; any thread.
#pragma once

#include <string>

namespace sluice::control {

struct Versions {
  std::string sluice;
  std::string dpdk;                      // "DPDK 22.11.4"
  std::string openssl;                   // "OpenSSL 3.0.11 19 Sep 2023"
  std::string libsrtp;                   // "2.5.0", or why it cannot be used
  std::string libsrtp_crypto_library;    // "NSS", "OpenSSL", ...
  std::string ipsec_mb;                  // "1.3.0", or why it cannot be used
  std::string ipsec_mb_instruction_set;  // "AVX512"; empty when it cannot be used
};

}  // namespace sluice::control
