// rtcp_compound: an RTCP packet that the worker makes for one endpoint. Worker only. Finished packets wait in
// WorkerState::reports until seal_reports() sends them.
#pragma once

#include <span>

#include "dataplane/state/worker_state.h"
#include "dataplane/wire/rtcp.h"

namespace sluice::dataplane {

/// The CNAME of the packets that are sluice's own.
[[nodiscard]] std::span<const std::uint8_t> own_cname();

/// Whether the endpoint's RTCP address is known and, under SRTP, its keys are ready.
[[nodiscard]] inline bool can_send_rtcp(const EndpointSlot& endpoint) {
  return (endpoint.rtcp_mux ? endpoint.rtp : endpoint.rtcp).known() &&
         (!endpoint.encrypted || endpoint.keys_ready);
}

/// A packet while it is written. finish() queues it for sending. Without finish() the destructor frees it.
class RtcpCompound {
 public:
  static constexpr std::size_t kMaxBytes = 1200;  // before protection
  static constexpr std::size_t kMaxBlocks = 31;

  RtcpCompound(WorkerState& state, std::uint32_t endpoint);
  RtcpCompound(const RtcpCompound&) = delete;
  RtcpCompound& operator=(const RtcpCompound&) = delete;
  ~RtcpCompound();

  /// When there is no buffer, finish() counts the drop.
  bool has_buffer() const { return mbuf_ != nullptr; }
  /// Holds nothing without a buffer. REQUIRES: finish() was not called.
  RtcpWriter& writer() { return writer_; }

  /// Writes the beginning: a report of at most kMaxBlocks blocks, and a CNAME. Always fits.
  void begin(std::uint32_t ssrc, std::span<const std::uint8_t> sender_info,
             std::span<const std::uint8_t> blocks, std::span<const std::uint8_t> cname);
  /// Always fits after begin() without blocks.
  void bye(std::uint32_t ssrc);
  void finish();

 private:
  WorkerState& state_;
  std::uint32_t endpoint_;
  rte_mbuf* mbuf_;
  RtcpWriter writer_{std::span<std::uint8_t>{}};
};

}  // namespace sluice::dataplane
