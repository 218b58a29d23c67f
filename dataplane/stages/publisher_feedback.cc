#include "dataplane/stages/publisher_feedback.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include "dataplane/stages/lend.h"

namespace sluice::dataplane {

Outbound& PublisherFeedback::add(std::uint32_t stream_slot, RtcpType type, std::uint8_t format) {
  if (count_ == items_.size()) send();
  const StreamSlot& stream = state_.memory.streams[stream_slot];
  Outbound& item = items_[count_++];
  item.publisher = stream.endpoint.load(std::memory_order_relaxed);
  item.stream = stream_slot;
  item.type = type;
  item.format = format;
  item.media = stream.ssrc.load(std::memory_order_relaxed);
  item.length = 0;
  return item;
}

// Lends the items for publishers on other workers to those workers. They apply the limits again, together
// with feedback from elsewhere.
void PublisherFeedback::lend() {
  for (const Outbound& item : std::span(items_).first(count_)) {
    if (item.publisher != kNoSlot) continue;
    Loan loan;
    loan.feedback_type = static_cast<std::uint8_t>(item.type);
    loan.feedback_format = item.format;
    lend_feedback(state_, item.stream, loan, std::span(item.bytes).first(item.length));
    state_.counters().feedback_forwarded.add();
  }
}

// Copies the report blocks for the publisher of the item at `first` into `blocks`. Returns how many bytes.
std::size_t PublisherFeedback::gather_blocks(std::size_t first, std::span<std::uint8_t> blocks) const {
  std::size_t length = 0;
  for (const Outbound& item : std::span(items_).first(count_).subspan(first)) {
    if (item.publisher != items_[first].publisher || item.type != RtcpType::kReceiverReport) continue;
    std::copy_n(item.bytes.begin(), kReportBlockLength, blocks.begin() + static_cast<long>(length));
    length += kReportBlockLength;
  }
  return length;
}

void PublisherFeedback::leave_out(std::uint32_t publisher) {
  for (Outbound& item : std::span(items_).first(count_)) {
    if (item.publisher != publisher) continue;
    item.publisher = kNoSlot;
    state_.counters().feedback_suppressed.add();
  }
}

// Sends all items for the publisher of the item at `first`: a receiver report with every block, our CNAME,
// then the feedback. Marks these items as sent.
void PublisherFeedback::send_to_publisher(std::size_t first) {
  const std::uint32_t publisher = items_[first].publisher;
  const EndpointSlot& endpoint = state_.endpoint(publisher);
  if (!can_send_rtcp(endpoint)) return leave_out(publisher);
  std::array<std::uint8_t, RtcpCompound::kMaxBlocks * kReportBlockLength> blocks;
  const std::size_t blocks_length = gather_blocks(first, blocks);
  std::optional<RtcpCompound> compound(std::in_place, state_, publisher);
  compound->begin(endpoint.local_ssrc, {}, std::span(blocks).first(blocks_length), own_cname());
  std::size_t written = compound->has_buffer() ? blocks_length / kReportBlockLength : 0;
  const auto write = [&](const Outbound& item) {
    return compound->writer().feedback(item.type, item.format, endpoint.local_ssrc, item.media,
                                       std::span(item.bytes).first(item.length));
  };
  for (Outbound& item : std::span(items_).first(count_).subspan(first)) {
    if (item.publisher != publisher) continue;
    item.publisher = kNoSlot;
    if (item.type == RtcpType::kReceiverReport || !compound->has_buffer()) continue;
    if (!write(item)) {
      compound->finish();
      compound.emplace(state_, publisher);
      compound->begin(endpoint.local_ssrc, {}, {}, own_cname());
      if (!compound->has_buffer() || !write(item)) continue;
    }
    ++written;
  }
  state_.counters().feedback_forwarded.add(written);
  compound->finish();
}

void PublisherFeedback::send() {
  if (state_.lending.enabled) lend();
  for (std::size_t first = 0; first < count_; ++first)
    if (items_[first].publisher != kNoSlot) send_to_publisher(first);
  count_ = 0;
}

}  // namespace sluice::dataplane
