// srtp_kdf: session keys from a master key and salt (RFC 3711 4.3 with key_derivation_rate 0; RFC 7714 11 for
// the AEAD profiles, whose 96-bit salt is taken as the upper bits of a 112-bit one; AES-256 as the PRF for
// 256-bit keys). Any thread; control plane only (allocates an OpenSSL context).
#pragma once

#include <cstdint>
#include <span>

#include "crypto/secret.h"
#include "crypto/srtp_engine.h"

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

/// The AES-CM PRF: fills `out` (any length) for one label. False when key or salt have no allowed length (16
/// or 32, at most 14) or when OpenSSL refuses; `out` is then all zero.
[[nodiscard]] bool derive_key(std::span<const std::uint8_t> key, std::span<const std::uint8_t> salt,
                              KdfLabel label, std::span<std::uint8_t> out);

/// All session keys that the profile needs. False when the master key or salt have not the profile's lengths
/// or when OpenSSL refuses; `out` is then empty.
[[nodiscard]] bool derive_session_keys(const MasterKey& master, SessionKeys& out);

}  // namespace sluice::crypto
