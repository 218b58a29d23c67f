// libsrtp_library: the parts of libsrtp2 that a process needs only once: its start, its version, its
// policies, and its statuses in words. Any thread.
#pragma once

#include <srtp2/srtp.h>

#include <string>

#include "crypto/srtp/srtp_profile.h"

namespace sluice::crypto {

/// Starts libsrtp, once per process. False, with the reason in `error`, when it does not start.
[[nodiscard]] bool start_libsrtp(std::string& error);

/// As in "libsrtp2 2.5.0".
std::string libsrtp_version();

/// The policy of a profile for both SRTP and SRTCP, without key and SSRC.
srtp_policy_t libsrtp_policy(SrtpProfile profile);

/// In words, for messages.
std::string libsrtp_status_text(srtp_err_status_t status);

}  // namespace sluice::crypto
