#include "crypto/srtp/srtp_profile.h"

namespace sluice::crypto {

std::optional<SrtpProfile> profile_from_name(std::string_view name) {
  for (const SrtpProfile profile : kAllSrtpProfiles)
    if (profile_info(profile).name == name) return profile;
  return std::nullopt;
}

std::optional<SrtpProfile> profile_from_dtls_id(std::uint16_t id) {
  for (const SrtpProfile profile : kAllSrtpProfiles)
    if (profile_info(profile).dtls_id == id) return profile;
  return std::nullopt;
}

}  // namespace sluice::crypto
