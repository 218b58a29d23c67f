// fanout_queue: packets of sources with many routes, whose copies the worker makes over several turns, and
// how far each is. The sources take turns, so that a large room holds up neither the others nor the calls.
// The packets of one source stay in order. Worker only; the owner frees the buffers of what is taken out.
//
// Between two turns the routes of a source may change (stages/fanout.h). A job stands at the begin of a
// chunk. A removed route's place is taken by one of the first chunk. If the job has passed that chunk, the
// route that moved gets the packet once more, with the same number and the same bytes, which its receiver
// drops. A route that is added goes to the first chunk, and may miss what the job carries. No route is left
// out otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/slot_array.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/state/entry_pool.h"
#include "dataplane/wire/rtp.h"

struct rte_mbuf;

namespace sluice::dataplane {

/// One received packet and one of the sources that it feeds.
struct FanoutJob {
  rte_mbuf* mbuf = nullptr;      // the job has a reference
  std::uint8_t* data = nullptr;  // the RTP packet, decrypted
  std::uint16_t length = 0;
  SlotRef source;
  std::uint32_t stream = kNoSlot;
  std::uint32_t tenancy = 0;  // of the stream when the packet came
  std::uint32_t epoch = 0;    // of the stream when the packet came
  std::uint64_t index = 0;    // packet index
  std::uint64_t since = 0;    // TSC
  std::uint32_t chunk = kNoSlot;
  std::uint32_t made = 0;  // copies
  RtpView rtp;
};

class FanoutQueue {
 public:
  /// `sources`: the number of source slots. `capacity`: the most jobs.
  FanoutQueue(std::size_t sources, std::size_t capacity) : lists_(sources), entries_(capacity) {}

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  /// Whether jobs of the source wait. What comes for it must wait behind them.
  bool has(std::uint32_t source) const { return lists_[source].count != 0; }

  /// False when the queue is full.
  [[nodiscard]] bool push(const FanoutJob& job);
  /// The oldest job of the source whose turn it is. REQUIRES: !empty().
  [[nodiscard]] FanoutJob& front() { return entries_[lists_[front_source()].head].job; }
  /// Removes front(), whose source then waits for its next turn.
  void pop();
  /// It is the next source's turn.
  void rotate() { before_front_ = lists_[before_front_].next; }

  /// The worker gives back that chunk of the source's routes, whose place in the list `next` takes.
  void chunk_freed(std::uint32_t source, std::uint32_t chunk, std::uint32_t next);

 private:
  struct Entry {
    FanoutJob job;
    std::uint32_t next;
  };
  // Zero-filled at first: valid while count is not 0.
  struct List {
    std::uint32_t head, tail;  // entries, oldest first
    std::uint32_t count;
    std::uint32_t next;  // source, in the ring of those with jobs
  };

  std::uint32_t front_source() const { return lists_[before_front_].next; }

  SlotArray<List> lists_;  // by source slot
  EntryPool<Entry> entries_;
  std::uint32_t before_front_ = 0;  // the last source in turn. Valid while there are jobs
};

}  // namespace sluice::dataplane
