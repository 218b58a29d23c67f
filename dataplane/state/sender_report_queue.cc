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
  if (entries_.full()) return kNoSlot;
  const std::uint32_t slot = entries_.take();
  append(slot);
  return slot;
}

void SenderReportQueue::pop() {
  assert(!empty());
  const std::uint32_t slot = head_;
  head_ = entries_[slot].next;
  entries_.give_back(slot);
}

void SenderReportQueue::rotate() {
  assert(!empty());
  const std::uint32_t slot = head_;
  if (slot == tail_) return;
  head_ = entries_[slot].next;
  append(slot);
}

}  // namespace sluice::dataplane
