#include "dataplane/wire/rtp.h"

#include <cstring>

namespace sluice::dataplane {
namespace {

// Calls visit(element offset, id, value offset, value length) for each element of a header extension. Stops
// at the first element that does not fit, since what follows cannot be trusted.
template <typename Visit>
void for_each_element(std::span<const std::uint8_t> data, std::uint16_t profile, Visit visit) {
  const bool one_byte = profile == kOneByteExtensions;
  if (!one_byte && (profile & 0xfff0) != kTwoByteExtensions) return;
  std::size_t at = 0;
  while (at < data.size()) {
    if (data[at] == 0) {  // padding
      ++at;
      continue;
    }
    std::size_t value;
    std::size_t length;
    std::uint8_t id;
    if (one_byte) {
      id = data[at] >> 4;
      if (id == 15 || id == 0) return;  // a reserved id, or padding with a length (RFC 8285 4.2)
      length = std::size_t{static_cast<std::uint8_t>(data[at] & 0x0f)} + 1;
      value = at + 1;
    } else {
      if (at + 2 > data.size()) return;
      id = data[at];
      length = data[at + 1];
      value = at + 2;
    }
    if (length > data.size() - value) return;
    visit(at, id, value, length);
    at = value + length;
  }
}

}  // namespace

bool parse_rtp_rest(std::span<const std::uint8_t> packet, RtpView& view) {
  const std::uint8_t* p = packet.data();
  std::size_t length = kRtpFixedHeader + std::size_t{static_cast<std::uint8_t>(p[0] & 0x0f)} * 4;
  if ((p[0] & 0x10) != 0) {
    if (packet.size() < length + 4) return false;
    view.extension_profile = load_be16(p + length);
    view.extension_length = static_cast<std::uint16_t>(load_be16(p + length + 2) * 4);
    length += 4;
    view.extension_offset = static_cast<std::uint16_t>(length);
    length += std::size_t{load_be16(p + length - 2)} * 4;
  }
  if (packet.size() < length || length > 0xffff) return false;
  view.header_length = static_cast<std::uint16_t>(length);
  return true;
}

std::span<const std::uint8_t> find_extension(std::span<const std::uint8_t> packet, const RtpView& view,
                                             std::uint8_t id) {
  std::span<const std::uint8_t> found;
  if (view.extension_length == 0 || id == 0) return found;
  const auto data = packet.subspan(view.extension_offset, view.extension_length);
  for_each_element(data, view.extension_profile,
                   [&](std::size_t, std::uint8_t element, std::size_t value, std::size_t length) {
                     if (element == id && found.empty()) found = data.subspan(value, length);
                   });
  return found;
}

void map_extensions(std::span<std::uint8_t> header, const RtpView& view,
                    const std::array<std::uint8_t, 16>& ids) {
  if (view.extension_length == 0) return;
  const auto data = header.subspan(view.extension_offset, view.extension_length);
  const bool one_byte = view.extension_profile == kOneByteExtensions;
  for_each_element(data, view.extension_profile,
                   [&](std::size_t at, std::uint8_t id, std::size_t value, std::size_t length) {
                     const std::uint8_t to = id < ids.size() ? ids[id] : 0;
                     if (to == 0) {
                       std::memset(data.data() + at, 0, value + length - at);
                     } else if (one_byte) {
                       data[at] = static_cast<std::uint8_t>(to << 4 | (data[at] & 0x0f));
                     } else {
                       data[at] = to;
                     }
                   });
}

}  // namespace sluice::dataplane
