#include "dataplane/state/fanout_queue.h"

#include <cassert>

namespace sluice::dataplane {

bool FanoutQueue::push(const FanoutJob& job) {
  if (entries_.full()) return false;
  const bool was_empty = entries_.empty();
  const std::uint32_t slot = entries_.take();
  entries_[slot] = {job, kNoSlot};
  const std::uint32_t source = job.source.slot;
  List& list = lists_[source];
  if (list.count == 0) {
    list.head = slot;
    // It comes last in this round.
    list.next = was_empty ? source : lists_[before_front_].next;
    if (!was_empty) lists_[before_front_].next = source;
    before_front_ = source;
  } else {
    entries_[list.tail].next = slot;
  }
  list.tail = slot;
  ++list.count;
  return true;
}

void FanoutQueue::pop() {
  assert(!empty());
  const std::uint32_t source = front_source();
  List& list = lists_[source];
  const std::uint32_t slot = list.head;
  list.head = entries_[slot].next;
  entries_.give_back(slot);
  if (--list.count == 0)
    lists_[before_front_].next = list.next;
  else
    rotate();
}

void FanoutQueue::chunk_freed(std::uint32_t source, std::uint32_t chunk, std::uint32_t next) {
  const List& list = lists_[source];
  std::uint32_t at = list.head;
  for (std::uint32_t left = list.count; left != 0; --left, at = entries_[at].next)
    if (entries_[at].job.chunk == chunk) entries_[at].job.chunk = next;
}

}  // namespace sluice::dataplane
