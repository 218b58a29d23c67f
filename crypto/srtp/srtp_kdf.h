// srtp_kdf: session keys from a master key and salt (RFC 3711 4.3 with key_derivation_rate 0). The AEAD
// profiles take their 96-bit salt as the upper bits of a 112-bit one (RFC 7714 11). 256-bit keys use AES-256
// as the PRF (RFC 6188). Any thread; control plane only, since it allocates an OpenSSL context.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

enum class KdfLabel : std::uint8_t {
  kRtpEncryption = 0,
  kRtpAuthentication = 1,
  kRtpSalt = 2,
  kRtcpEncryption = 3,
  kRtcpAuthentication = 4,
  kRtcpSalt = 5,
};

inline constexpr std::size_t kHmacSha1KeyLength = 20;

/// The session keys of one direction. The authentication keys are empty for AEAD profiles.
struct SessionKeys {
  Secret<kMaxMasterKey> rtp_key;
  Secret<kMaxMasterKey> rtcp_key;
  Secret<kHmacSha1KeyLength> rtp_authentication;
  Secret<kHmacSha1KeyLength> rtcp_authentication;
  Secret<kMaxMasterSalt> rtp_salt;
  Secret<kMaxMasterSalt> rtcp_salt;
};

/// The AES-CM PRF: fills `out` (any length) for one label. False when the key is not 16 or 32 bytes, the salt
/// is longer than 14, or OpenSSL refuses. `out` is then all zero. Public for tests, since the published
/// vectors are for this function.
[[nodiscard]] bool derive_key(std::span<const std::uint8_t> key, std::span<const std::uint8_t> salt,
                              KdfLabel label, std::span<std::uint8_t> out);

/// All session keys that the profile needs. False when the master key or salt does not have the length of the
/// profile, or when OpenSSL refuses. `out` is then empty.
[[nodiscard]] bool derive_session_keys(const MasterKey& master, SessionKeys& out);

}  // namespace sluice::crypto
