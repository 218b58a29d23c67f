#include "dataplane/state/sender_report_queue.h"

#include <cassert>

namespace sluice::dataplane {

void SenderReportQueue::append(std::uint32_t slot) {
  entries_[slot].next = kNoSlot;
  if (head_ == kNoSlot)
    head_ = slot;
  else
    entries_[tail_].next = slot;
  tail_ = slot;
}

std::uint32_t SenderReportQueue::push() {
  if (count_ == entries_.size()) return kNoSlot;
  std::uint32_t slot = free_;
  if (slot != kNoSlot)
    free_ = entries_[slot].next;
  else
    slot = high_water_++;
  append(slot);
  ++count_;
  return slot;
}

void SenderReportQueue::pop() {
  assert(count_ != 0);
  const std::uint32_t slot = head_;
  head_ = entries_[slot].next;
  entries_[slot].next = free_;
  free_ = slot;
  --count_;
}

void SenderReportQueue::rotate() {
  assert(count_ != 0);
  const std::uint32_t slot = head_;
  if (slot == tail_) return;
  head_ = entries_[slot].next;
  append(slot);
}

}  // namespace sluice::dataplane
