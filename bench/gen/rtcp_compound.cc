#include "bench/gen/rtcp_compound.h"

#include "dataplane/wire/frame.h"

namespace sluice::gen {
namespace {

constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kReceiverReport = 201;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kTransportFeedback = 205;
constexpr std::uint8_t kGenericNack = 1;
constexpr std::uint8_t kCname = 1;

}  // namespace

void RtcpCompound::put16(std::uint16_t value) {
  bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes_.push_back(static_cast<std::uint8_t>(value));
}

void RtcpCompound::put32(std::uint32_t value) {
  put16(static_cast<std::uint16_t>(value >> 16));
  put16(static_cast<std::uint16_t>(value));
}

std::size_t RtcpCompound::begin(std::uint8_t type, std::size_t count) {
  const std::size_t at = bytes_.size();
  bytes_.push_back(static_cast<std::uint8_t>(0x80 | count));
  bytes_.push_back(type);
  put16(0);
  return at;
}

void RtcpCompound::end(std::size_t at) {
  dataplane::store_be16(bytes_.data() + at + 2, static_cast<std::uint16_t>((bytes_.size() - at) / 4 - 1));
}

void RtcpCompound::put_blocks(std::span<const ReportBlock> blocks) {
  for (const ReportBlock& block : blocks) {
    put32(block.ssrc);
    put32(0);  // nothing lost
    put32(block.highest);
    put32(0);  // jitter
    put32(0);  // last SR: not measured here
    put32(0);
  }
}

void RtcpCompound::sender_report(std::uint32_t ssrc, std::uint64_t ntp, std::uint32_t timestamp,
                                 std::uint32_t packets, std::uint32_t octets,
                                 std::span<const ReportBlock> blocks) {
  blocks = blocks.first(std::min(blocks.size(), kMaxBlocks));
  const std::size_t at = begin(kSenderReport, blocks.size());
  put32(ssrc);
  put32(static_cast<std::uint32_t>(ntp >> 32));
  put32(static_cast<std::uint32_t>(ntp));
  put32(timestamp);
  put32(packets);
  put32(octets);
  put_blocks(blocks);
  end(at);
}

void RtcpCompound::receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks) {
  blocks = blocks.first(std::min(blocks.size(), kMaxBlocks));
  const std::size_t at = begin(kReceiverReport, blocks.size());
  put32(ssrc);
  put_blocks(blocks);
  end(at);
}

void RtcpCompound::cname(std::uint32_t ssrc, std::string_view name) {
  const std::size_t at = begin(kSourceDescription, 1);
  put32(ssrc);
  bytes_.push_back(kCname);
  bytes_.push_back(static_cast<std::uint8_t>(name.size()));
  bytes_.insert(bytes_.end(), name.begin(), name.end());
  do bytes_.push_back(0);
  while (bytes_.size() % 4 != 0);
  end(at);
}

void RtcpCompound::nack(std::uint32_t ssrc, std::uint32_t media_ssrc, std::uint16_t sequence) {
  const std::size_t at = begin(kTransportFeedback, kGenericNack);
  put32(ssrc);
  put32(media_ssrc);
  put16(sequence);
  put16(0);
  end(at);
}

}  // namespace sluice::gen
