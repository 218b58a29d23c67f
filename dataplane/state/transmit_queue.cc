#include "dataplane/state/transmit_queue.h"

#include <rte_mbuf.h>

#include <cassert>

namespace sluice::dataplane {
namespace {

constexpr int kSessionsPerLook = 8;

}  // namespace

TransmitQueue::TransmitQueue(std::size_t capacity) : entries_(capacity) {
  assert(capacity != 0 && capacity < kNoSlot);
}

rte_mbuf* TransmitQueue::push(rte_mbuf* mbuf, std::uint32_t flow_number, std::uint64_t now) {
  const auto number = static_cast<std::uint16_t>(flow_number % kFlows);
  Flow& flow = flows_[number];
  rte_mbuf* evicted = nullptr;
  if (entries_.full()) {
    if (flows_[fattest_].count < flow.count || flows_[fattest_].count == 0) fattest_ = number;
    // Nothing of the fattest is left, and this flow has nothing: the one in turn gives way.
    if (flows_[fattest_].count == 0) fattest_ = front();
    evicted = take_oldest(fattest_).mbuf;
  }
  const bool was_empty = entries_.empty();
  const std::uint32_t slot = entries_.take();
  entries_[slot] = {mbuf, now, kNoSlot};
  if (flow.count == 0) {
    flow.head = slot;
    flow.credit = kQuantum;
    // It comes last in this round.
    if (was_empty) {
      flow.next = number;
    } else {
      flow.next = flows_[before_front_].next;
      flows_[before_front_].next = number;
    }
    before_front_ = number;
  } else {
    entries_[flow.tail].next = slot;
  }
  flow.tail = slot;
  ++flow.count;
  if (flow.count > flows_[fattest_].count) fattest_ = number;
  return evicted;
}

TransmitQueue::Waiting TransmitQueue::pop() {
  if (empty()) return {};
  for (;;) {
    Flow& flow = flows_[front()];
    const std::uint32_t length = entries_[flow.head].mbuf->pkt_len;
    if (flow.credit >= length) {
      flow.credit -= length;
      return take_oldest(front());
    }
    flow.credit += kQuantum;
    rotate();
  }
}

rte_mbuf* TransmitQueue::pop_older_than(std::uint64_t limit) {
  for (int looks = 0; looks < kSessionsPerLook && !empty(); ++looks) {
    if (entries_[flows_[front()].head].since < limit) return take_oldest(front()).mbuf;
    rotate();
  }
  return nullptr;
}

// A flow that is not in turn leaves the ring by a search, which only a full queue needs.
TransmitQueue::Waiting TransmitQueue::take_oldest(std::uint16_t number) {
  Flow& flow = flows_[number];
  assert(flow.count != 0);
  const std::uint32_t slot = flow.head;
  const Waiting taken{entries_[slot].mbuf, entries_[slot].since};
  flow.head = entries_[slot].next;
  entries_.give_back(slot);
  if (--flow.count != 0) return taken;
  std::uint16_t before = before_front_;
  while (flows_[before].next != number) before = flows_[before].next;
  flows_[before].next = flow.next;
  if (before_front_ == number) before_front_ = before;
  return taken;
}

}  // namespace sluice::dataplane
