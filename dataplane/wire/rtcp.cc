#include "dataplane/wire/rtcp.h"

#include <cstring>

namespace sluice::dataplane {
namespace {

constexpr std::size_t kHeader = 4;
constexpr std::uint8_t kSdesCname = 1;

void append(std::uint8_t*& to, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  std::memcpy(to, bytes.data(), bytes.size());
  to += bytes.size();
}

}  // namespace

std::size_t sound_rtcp_length(std::span<const std::uint8_t> compound) {
  std::size_t sound = 0;
  while (compound.size() - sound >= kHeader) {
    const auto rest = compound.subspan(sound);
    const std::size_t length = (std::size_t{load_be16(rest.data() + 2)} + 1) * 4;
    if ((rest[0] >> 6) != 2 || rest[1] < 192 || rest[1] > 223 || length > rest.size()) break;
    if (sound == 0 && length < kHeader + 4) break;  // every type that may come first has an SSRC
    if ((rest[0] & 0x20) != 0) {
      const std::uint8_t padding = rest[length - 1];
      if (length != rest.size() || padding == 0 || padding > length - kHeader) break;
    }
    sound += length;
  }
  return sound;
}

bool RtcpWalk::next(RtcpItem& item) {
  if (rest_.size() < kHeader) return false;
  const std::size_t length = (std::size_t{load_be16(rest_.data() + 2)} + 1) * 4;
  if (length > rest_.size()) return false;
  const std::size_t padding = (rest_[0] & 0x20) != 0 ? rest_[length - 1] : 0;
  if (padding > length - kHeader) return false;
  item.count = rest_[0] & 0x1f;
  item.type = rest_[1];
  item.body = rest_.subspan(kHeader, length - kHeader - padding);
  rest_ = rest_.subspan(length);
  return true;
}

std::uint8_t* RtcpWriter::take(std::size_t length, std::uint8_t count, RtcpType type) {
  if (length % 4 != 0 || length > buffer_.size() - used_) return nullptr;
  std::uint8_t* p = buffer_.data() + used_;
  used_ += length;
  p[0] = static_cast<std::uint8_t>(0x80 | count);
  p[1] = static_cast<std::uint8_t>(type);
  store_be16(p + 2, static_cast<std::uint16_t>(length / 4 - 1));
  return p + kHeader;
}

bool RtcpWriter::report(std::uint32_t ssrc, std::span<const std::uint8_t> sender_info,
                        std::span<const std::uint8_t> blocks) {
  const std::size_t count = blocks.size() / kReportBlockLength;
  if (count > 31 || (!sender_info.empty() && sender_info.size() != kSenderInfoLength)) return false;
  const RtcpType type = sender_info.empty() ? RtcpType::kReceiverReport : RtcpType::kSenderReport;
  std::uint8_t* p = take(kHeader + 4 + sender_info.size() + count * kReportBlockLength,
                         static_cast<std::uint8_t>(count), type);
  if (p == nullptr) return false;
  store_be32(p, ssrc);
  p += 4;
  append(p, sender_info);
  append(p, blocks.first(count * kReportBlockLength));
  return true;
}

bool RtcpWriter::cname(std::uint32_t ssrc, std::span<const std::uint8_t> name) {
  if (name.size() > 255) return false;
  const std::size_t items = 2 + name.size() + 1;  // at least one zero byte ends the list
  const std::size_t padded = (items + 3) / 4 * 4;
  std::uint8_t* p = take(kHeader + 4 + padded, 1, RtcpType::kSourceDescription);
  if (p == nullptr) return false;
  store_be32(p, ssrc);
  std::memset(p + 4, 0, padded);
  p[4] = kSdesCname;
  p[5] = static_cast<std::uint8_t>(name.size());
  p += 6;
  append(p, name);
  return true;
}

bool RtcpWriter::bye(std::uint32_t ssrc) {
  std::uint8_t* p = take(kHeader + 4, 1, RtcpType::kBye);
  if (p == nullptr) return false;
  store_be32(p, ssrc);
  return true;
}

bool RtcpWriter::feedback(RtcpType type, std::uint8_t format, std::uint32_t sender, std::uint32_t media,
                          std::span<const std::uint8_t> control_information) {
  std::uint8_t* p = take(kHeader + 8 + control_information.size(), format, type);
  if (p == nullptr) return false;
  store_be32(p, sender);
  store_be32(p + 4, media);
  p += 8;
  append(p, control_information);
  return true;
}

std::span<const std::uint8_t> find_cname(const RtcpItem& source_description, std::uint32_t ssrc) {
  const auto body = source_description.body;
  std::size_t at = 0;
  for (std::uint8_t chunk = 0; chunk < source_description.count && at + 4 <= body.size(); ++chunk) {
    const bool wanted = load_be32(body.data() + at) == ssrc;
    at += 4;
    while (at < body.size() && body[at] != 0) {
      if (at + 2 > body.size() || body[at + 1] > body.size() - at - 2) return {};
      if (wanted && body[at] == kSdesCname) return body.subspan(at + 2, body[at + 1]);
      at += 2 + std::size_t{body[at + 1]};
    }
    at = (at + 4) / 4 * 4;  // past the terminating zeros
  }
  return {};
}

}  // namespace sluice::dataplane
