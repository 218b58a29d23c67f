// transmit_queue: packets that one port cannot take yet. Each session has a queue of its own, and the
// sessions are served by turns (deficit round robin, Shreedhar and Varghese 1995), so that the key frame of a
// large room lets no other call wait for longer than a packet of each session takes. Within a session the
// order stays. When the queue is full, the session with the most packets loses its oldest one. Worker only;
// the owner frees what is taken out.
//
// The cost of a call does not depend on the number of packets that wait.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/state/entry_pool.h"

struct rte_mbuf;

namespace sluice::dataplane {

class TransmitQueue {
 public:
  static constexpr std::size_t kFlows = 1024;
  /// Bytes that a session may send more in each round. A frame may be longer: then it waits for several.
  static constexpr std::uint32_t kQuantum = 1600;

  struct Waiting {
    rte_mbuf* mbuf = nullptr;  // nullptr: none
    std::uint64_t since = 0;   // TSC
  };

  /// REQUIRES: 0 < capacity < 2^32 - 1.
  explicit TransmitQueue(std::size_t capacity);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  /// Appends a packet to its session's queue. Sessions are told apart by the low bits of `flow`. Returns the
  /// packet that had to give way, or nullptr.
  [[nodiscard]] rte_mbuf* push(rte_mbuf* mbuf, std::uint32_t flow, std::uint64_t now);
  /// Takes out the next packet in turn.
  [[nodiscard]] Waiting pop();
  /// Takes out a packet that waits since before `limit`, the oldest of its session. It looks at a few
  /// sessions and goes on with others in the next call.
  [[nodiscard]] rte_mbuf* pop_older_than(std::uint64_t limit);

 private:
  struct Entry {
    rte_mbuf* mbuf;
    std::uint64_t since;
    std::uint32_t next;
  };
  struct Flow {
    std::uint32_t head = kNoSlot, tail = kNoSlot;  // entries, oldest first
    std::uint32_t count = 0;
    std::uint32_t credit = 0;  // bytes that it may send in this round
    std::uint16_t next = 0;    // in the ring of flows with packets
  };

  Waiting take_oldest(std::uint16_t number);
  void rotate() { before_front_ = flows_[before_front_].next; }
  std::uint16_t front() const { return flows_[before_front_].next; }

  EntryPool<Entry> entries_;
  std::array<Flow, kFlows> flows_;
  std::uint16_t before_front_ = 0;  // the last flow in turn. Valid while there are packets
  std::uint16_t fattest_ = 0;       // a flow with many packets
};

}  // namespace sluice::dataplane
