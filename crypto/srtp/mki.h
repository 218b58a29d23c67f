// mki: the master key identifier of SRTP and SRTCP packets (RFC 3711 3.1), which names the key that sealed
// the packet. It is not authenticated. It stands before an HMAC tag, and at the end of an AEAD packet (RFC
// 7714 8.1 and 9.1). Engines do not know it: the caller takes it out before it opens a packet, and puts it in
// after it has sealed one. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

enum class MkiOf : std::uint8_t { kRtp, kRtcp };

/// The bytes behind the MKI.
inline std::size_t bytes_behind_mki(const SrtpKeys& keys, MkiOf of) {
  const SrtpProfileInfo& info = profile_info(keys.profile);
  if (info.aead) return 0;
  return of == MkiOf::kRtp ? info.rtp_tag_length : info.rtcp_tag_length;
}

/// Takes the MKI out of a packet whose header has `header` bytes. False when the packet does not have that of
/// the keys; then nothing changes.
[[nodiscard]] inline bool remove_mki(const SrtpKeys& keys, MkiOf of, std::uint8_t* packet, std::size_t header,
                                     std::uint16_t& length) {
  const std::size_t behind = bytes_behind_mki(keys, of);
  if (length < header + keys.mki_length + behind) return false;
  std::uint8_t* mki = packet + length - behind - keys.mki_length;
  if (std::memcmp(mki, keys.mki.data(), keys.mki_length) != 0) return false;
  std::memmove(mki, mki + keys.mki_length, behind);
  length = static_cast<std::uint16_t>(length - keys.mki_length);
  return true;
}

/// Puts the MKI of the keys into a sealed packet. Returns the new length. REQUIRES: SrtpKeys::kMaxMki
/// writable bytes behind the packet.
[[nodiscard]] inline std::uint16_t add_mki(const SrtpKeys& keys, MkiOf of, std::uint8_t* packet,
                                           std::uint16_t length) {
  const std::size_t behind = bytes_behind_mki(keys, of);
  std::uint8_t* mki = packet + length - behind;
  std::memmove(mki + keys.mki_length, mki, behind);
  std::memcpy(mki, keys.mki.data(), keys.mki_length);
  return static_cast<std::uint16_t>(length + keys.mki_length);
}

}  // namespace sluice::crypto
