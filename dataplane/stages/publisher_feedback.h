// publisher_feedback: what an incoming compound has for publishers: report blocks and NACKs, in the
// publisher's numbers. It goes out as one compound for each publisher, or as several where one is too small.
// What is for a publisher on another worker is lent to that worker. Worker only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/stages/rtcp_compound.h"

namespace sluice::dataplane {

inline constexpr std::size_t kMaxNackBytes = std::size_t{64} * 4;  // entries of PID and BLP

/// One item for a publisher.
struct Outbound {
  std::uint32_t publisher;  // endpoint slot; kNoSlot: already sent, or on another worker (lend.h)
  std::uint32_t stream;     // slot
  RtcpType type;            // kReceiverReport: `bytes` is a report block
  std::uint8_t format;
  std::uint32_t media;
  std::uint16_t length;
  std::array<std::uint8_t, kMaxNackBytes> bytes;
};

class PublisherFeedback {
 public:
  explicit PublisherFeedback(WorkerState& state) : state_(state) {}

  /// Adds an item without bytes for the publisher of that stream. When there is no space for it, sends the
  /// items before it first.
  Outbound& add(std::uint32_t stream, RtcpType type, std::uint8_t format);
  /// Sends all items.
  void send();

 private:
  void lend();
  std::size_t gather_blocks(std::size_t first, std::span<std::uint8_t> blocks) const;
  void send_to_publisher(std::size_t first);
  void leave_out(std::uint32_t publisher);

  WorkerState& state_;
  // Even when all are report blocks, one compound holds them.
  std::array<Outbound, RtcpCompound::kMaxBlocks> items_;
  std::size_t count_ = 0;
};

}  // namespace sluice::dataplane
