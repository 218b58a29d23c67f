// rtcp_compound: writes the RTCP that the generator's peers send (RFC 3550 6.4, 6.5; RFC 4585 6.2.1). Plain
// bytes, any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::gen {

struct ReportBlock {
  std::uint32_t ssrc;
  std::uint32_t highest;  // extended highest sequence number
};

class RtcpCompound {
 public:
  void sender_report(std::uint32_t ssrc, std::uint64_t ntp, std::uint32_t timestamp, std::uint32_t packets,
                     std::uint32_t octets, std::span<const ReportBlock> blocks);
  void receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks);
  void cname(std::uint32_t ssrc, std::string_view name);
  void nack(std::uint32_t ssrc, std::uint32_t media_ssrc, std::uint16_t sequence);

  std::vector<std::uint8_t> take() { return std::move(bytes_); }

  static constexpr std::size_t kMaxBlocks = 31;

 private:
  std::size_t begin(std::uint8_t type, std::size_t count);
  void end(std::size_t at);
  void put16(std::uint16_t value);
  void put32(std::uint32_t value);
  void put_blocks(std::span<const ReportBlock> blocks);

  std::vector<std::uint8_t> bytes_;
};

}  // namespace sluice::gen
