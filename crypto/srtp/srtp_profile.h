// srtp_profile: the four SRTP protection profiles that sluice speaks, and their sizes in bytes (RFC 3711,
// 5764, 7714). Plain values, any thread.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::crypto {

enum class SrtpProfile : std::uint8_t {
  kAeadAes128Gcm,
  kAeadAes256Gcm,
  kAesCm128HmacSha1_80,
  kAesCm128HmacSha1_32,
};

inline constexpr std::array<SrtpProfile, 4> kAllSrtpProfiles{
    SrtpProfile::kAeadAes128Gcm, SrtpProfile::kAeadAes256Gcm, SrtpProfile::kAesCm128HmacSha1_80,
    SrtpProfile::kAesCm128HmacSha1_32};

struct SrtpProfileInfo {
  SrtpProfile profile;
  std::string_view name;  // in SDES crypto attributes, configuration and API: "AEAD_AES_128_GCM"
  // In OpenSSL's use_srtp list: "SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80".
  std::string_view dtls_name;
  std::uint16_t dtls_id;     // IANA DTLS-SRTP protection profile
  std::uint8_t key_length;   // master and session cipher key
  std::uint8_t salt_length;  // master and session salt
  std::uint8_t rtp_tag_length;
  std::uint8_t rtcp_tag_length;  // without the E||index word of SRTCP
  bool aead;

  /// key || salt, as SDES writes it.
  constexpr std::size_t master_length() const { return std::size_t{key_length} + salt_length; }
};

inline constexpr std::array<SrtpProfileInfo, 4> kSrtpProfileInfos{{
    {SrtpProfile::kAeadAes128Gcm, "AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 0x0007, 16, 12, 16, 16, true},
    {SrtpProfile::kAeadAes256Gcm, "AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 0x0008, 32, 12, 16, 16, true},
    {SrtpProfile::kAesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 0x0001, 16, 14,
     10, 10, false},
    {SrtpProfile::kAesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 0x0002, 16, 14,
     4, 10, false},
}};

constexpr const SrtpProfileInfo& profile_info(SrtpProfile profile) {
  assert(static_cast<std::size_t>(profile) < kSrtpProfileInfos.size());
  return kSrtpProfileInfos[static_cast<std::size_t>(profile)];
}

/// By SrtpProfileInfo::name; nullopt for a name that is not one of the four.
[[nodiscard]] std::optional<SrtpProfile> profile_from_name(std::string_view name);
/// By IANA DTLS-SRTP id.
[[nodiscard]] std::optional<SrtpProfile> profile_from_dtls_id(std::uint16_t id);

/// Most bytes that protecting adds to an RTP packet and to an RTCP compound.
inline constexpr std::size_t kMaxRtpTrailer = 16;
inline constexpr std::size_t kMaxRtcpTrailer = 20;
/// Bytes that every buffer has behind the payload. An engine may write there while it works: ipsec-mb stores
/// tags of 12 bytes even where the profile has shorter ones.
inline constexpr std::size_t kTailBytes = 32;

inline constexpr std::size_t kMaxMasterKey = 32;
inline constexpr std::size_t kMaxMasterSalt = 14;

}  // namespace sluice::crypto
