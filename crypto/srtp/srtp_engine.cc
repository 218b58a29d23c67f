#include "crypto/srtp/srtp_engine.h"

#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {

std::string_view engine_name(EngineKind kind) {
  switch (kind) {
    case EngineKind::kIpsecMb:
      return "ipsec_mb";
    case EngineKind::kLibsrtp:
      return "libsrtp";
  }
  return "unknown";
}

bool srtcp_index(SrtpProfile profile, std::span<const std::uint8_t> packet, std::uint32_t& index) {
  const SrtpProfileInfo info = profile_info(profile);
  if (packet.size() < kRtcpHeaderLength + kSrtcpWordLength + info.rtcp_tag_length) return false;
  // The index word is before an HMAC tag but behind an AEAD tag.
  const std::size_t behind = info.aead ? 0 : info.rtcp_tag_length;
  index = load_be32(packet.data() + packet.size() - behind - kSrtcpWordLength) & kMaxSrtcpIndex;
  return true;
}

}  // namespace sluice::crypto
