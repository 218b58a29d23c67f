// sender_report_queue: the sender reports of publishers that are still to be sent to receivers
// (stages/sender_reports.h). The streams take turns. A stream has at most one report here. Worker only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/state/entry_pool.h"
#include "dataplane/wire/rtcp.h"

namespace sluice::dataplane {

/// A report, and how far it is. Within a source SourceSlot::report_chunk says how far.
struct SenderReportJob {
  std::uint32_t stream;   // slot
  std::uint32_t tenancy;  // of the stream when the report came
  std::uint32_t epoch;    // of the stream when the report came
  std::uint8_t source;    // index in StreamSlot::sources
  bool is_within;         // some receivers of that source have got it
  bool is_begun;
  std::uint8_t cname_length;
  std::array<std::uint8_t, kSenderInfoLength> info;
  std::array<std::uint8_t, 255> cname;  // RFC 3550 6.5
};

class SenderReportQueue {
 public:
  /// `capacity`: the most reports.
  explicit SenderReportQueue(std::size_t capacity) : entries_(capacity) {}

  bool empty() const { return entries_.empty(); }
  /// Appends a report with undefined contents. kNoSlot when the queue is full.
  [[nodiscard]] std::uint32_t push();
  /// REQUIRES: `job` comes from push() or front(), with no pop() of it since.
  SenderReportJob& operator[](std::uint32_t job) { return entries_[job].job; }
  /// REQUIRES: !empty().
  std::uint32_t front() const { return head_; }
  /// Removes front().
  void pop();
  /// Puts front() behind all others.
  void rotate();

 private:
  struct Entry {
    SenderReportJob job;
    std::uint32_t next;
  };
  void append(std::uint32_t slot);

  EntryPool<Entry> entries_;
  std::uint32_t head_ = kNoSlot;
  std::uint32_t tail_ = kNoSlot;
};

}  // namespace sluice::dataplane
