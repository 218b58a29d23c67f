// rtp: reads the header of an RTP packet with all bounds checked, and rewrites it in place (RFC 3550 5.1, RFC
// 8285). Pure functions over bytes, any thread.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/wire/frame.h"

namespace sluice::dataplane {

inline constexpr std::size_t kRtpFixedHeader = 12;
inline constexpr std::uint16_t kOneByteExtensions = 0xbede;  // RFC 8285 4.2
inline constexpr std::uint16_t kTwoByteExtensions = 0x1000;  // RFC 8285 4.3, low 4 bits free

struct RtpView {
  std::uint16_t header_length = 0;     // fixed part, CSRCs and extension
  std::uint16_t extension_offset = 0;  // of the extension's data, 0 = none
  std::uint16_t extension_length = 0;
  std::uint16_t extension_profile = 0;
  std::uint8_t payload_type = 0;
  bool marker = false;
  bool padding = false;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
};

/// The part of parse_rtp() for CSRCs and the header extension, which few packets have. False when they do not
/// fit. REQUIRES: the packet has a fixed header.
[[nodiscard]] bool parse_rtp_rest(std::span<const std::uint8_t> packet, RtpView& view);

/// False when the header does not fit `packet`. Padding is not checked here: under SRTP it is encrypted.
[[nodiscard]] inline bool parse_rtp(std::span<const std::uint8_t> packet, RtpView& view) {
  if (packet.size() < kRtpFixedHeader || (packet[0] >> 6) != 2) return false;
  const std::uint8_t* p = packet.data();
  view.header_length = kRtpFixedHeader;
  view.extension_offset = view.extension_length = view.extension_profile = 0;
  view.padding = (p[0] & 0x20) != 0;
  view.marker = (p[1] & 0x80) != 0;
  view.payload_type = p[1] & 0x7f;
  view.sequence = load_be16(p + 2);
  view.timestamp = load_be32(p + 4);
  view.ssrc = load_be32(p + 8);
  return (p[0] & 0x1f) == 0 || parse_rtp_rest(packet, view);  // CSRCs or an extension
}

/// False when the padding count is impossible (RFC 3550 5.1). REQUIRES: parse_rtp() was true, and the packet
/// is decrypted.
[[nodiscard]] inline bool padding_fits(std::span<const std::uint8_t> packet, const RtpView& view) {
  assert(packet.size() >= view.header_length);
  if (!view.padding) return true;
  const std::size_t count = packet.size() > view.header_length ? packet.back() : 0;
  return count != 0 && count <= packet.size() - view.header_length;
}

/// The value of extension element `id` (1..14 one-byte, 1..255 two-byte form); empty when it is not there.
std::span<const std::uint8_t> find_extension(std::span<const std::uint8_t> packet, const RtpView& view,
                                             std::uint8_t id);

/// Renumbers the extension elements in place by `ids` ([old 1..14] -> new). Where the new id is 0, the
/// element becomes padding, as does an element with an id above 14. The length never changes. `header`: the
/// RTP header of header_length bytes that `view` describes.
void map_extensions(std::span<std::uint8_t> header, const RtpView& view,
                    const std::array<std::uint8_t, 16>& ids);

}  // namespace sluice::dataplane
