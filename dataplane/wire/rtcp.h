// rtcp: reads an RTCP compound (RFC 3550 6.1, reduced-size RFC 5506), and writes one. Both check all bounds.
// Pure functions over bytes, any thread.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/wire/frame.h"

namespace sluice::dataplane {

enum class RtcpType : std::uint8_t {
  kSenderReport = 200,
  kReceiverReport = 201,
  kSourceDescription = 202,
  kBye = 203,
  kTransportFeedback = 205,  // RFC 4585
  kPayloadFeedback = 206,
};

inline constexpr std::uint8_t kFeedbackNack = 1;  // transport feedback, RFC 4585 6.2.1
inline constexpr std::uint8_t kFeedbackPli = 1;   // payload feedback, RFC 4585 6.3.1
inline constexpr std::uint8_t kFeedbackFir = 4;   // payload feedback, RFC 5104 4.3.1

inline constexpr std::size_t kReportBlockLength = 24;
inline constexpr std::size_t kSenderInfoLength = 20;

/// One packet of a compound. `body` is what follows the 4-byte header, without padding.
struct RtcpItem {
  std::uint8_t count = 0;  // RC, SC or FMT
  std::uint8_t type = 0;
  std::span<const std::uint8_t> body;
};

/// Goes through the packets of a compound. It never reads outside of the compound, but its items are only
/// meaningful within sound_rtcp_length().
class RtcpWalk {
 public:
  explicit RtcpWalk(std::span<const std::uint8_t> compound) : rest_(compound) {}
  /// False at the end of the compound, and at a packet that does not fit.
  [[nodiscard]] bool next(RtcpItem& item);

 private:
  std::span<const std::uint8_t> rest_;
};

/// How many bytes at the beginning of the compound are sound packets. 0 when the first one is not. A packet
/// is sound when it has version 2, a type from 192 to 223 and a length that fits, and when it has no padding
/// unless it is the last one. The first one has an SSRC.
[[nodiscard]] std::size_t sound_rtcp_length(std::span<const std::uint8_t> compound);

/// Appends RTCP packets to a buffer. When a packet does not fit or breaks a limit below, the function writes
/// nothing and returns false. So the buffer holds only whole packets.
class RtcpWriter {
 public:
  explicit RtcpWriter(std::span<std::uint8_t> buffer) : buffer_(buffer) {}

  std::uint16_t length() const { return static_cast<std::uint16_t>(used_); }

  /// `sender_info`: 20 bytes (NTP, RTP time, counts) or empty for a receiver report. `blocks`: whole report
  /// blocks, at most 31.
  [[nodiscard]] bool report(std::uint32_t ssrc, std::span<const std::uint8_t> sender_info,
                            std::span<const std::uint8_t> blocks);
  /// One chunk with a CNAME of at most 255 bytes (RFC 3550 6.5.1).
  [[nodiscard]] bool cname(std::uint32_t ssrc, std::span<const std::uint8_t> name);
  [[nodiscard]] bool bye(std::uint32_t ssrc);
  /// `control_information`: a multiple of 4 bytes.
  [[nodiscard]] bool feedback(RtcpType type, std::uint8_t format, std::uint32_t sender, std::uint32_t media,
                              std::span<const std::uint8_t> control_information);

 private:
  std::uint8_t* take(std::size_t length, std::uint8_t count, RtcpType type);

  std::span<std::uint8_t> buffer_;
  std::size_t used_ = 0;
};

/// The CNAME that an SDES packet gives for `ssrc`; empty when there is none.
std::span<const std::uint8_t> find_cname(const RtcpItem& source_description, std::uint32_t ssrc);

}  // namespace sluice::dataplane
