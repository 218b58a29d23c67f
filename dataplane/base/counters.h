// counters: what a worker counts. Only the owning worker writes its counters; they have cache lines of their
// own. Any thread may read them, with relaxed loads. While traffic flows, the sums that a reader sees may
// differ by a few packets.
//
// The ledger. It is exact on an idle worker; tests check it, and the API exports it:
//   received + borrowed = forwarded + consumed + punted + handed_off + sum(receive-side drops)
//   transmitted + passed_on + lent + waiting =
//       copies + retransmitted + reports + injected + carried + lends - sum(send-side drops)
//   lent - returned = loans that are out
//
// Over all workers, the sum of lent equals the sum of borrowed, and the sum of passed_on that of carried.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/drop_reason.h"

namespace sluice::dataplane {

/// A 64-bit count. REQUIRES: one thread writes; any number of threads read.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    // This is one instruction. Compilers make three of an atomic load, a sum and an atomic store, and each
    // packet is counted in ten places.
    static_assert(sizeof value_ == sizeof n);
    asm("addq %1, %0" : "+m"(value_) : "er"(n));
#else
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
#endif
  }
  void set(std::uint64_t n) {
    value_.store(n, std::memory_order_relaxed);
  }
  std::uint64_t read() const {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Sums over sampled busy turns: see worker/turn_cost.h.
struct TurnSamples {
  Counter turns;
  Counter packets;
  Counter cycles;
  Counter packets_squared;
  Counter packets_by_cycles;

  void add(std::uint64_t packet_count, std::uint64_t cycle_count) {
    turns.add();
    packets.add(packet_count);
    cycles.add(cycle_count);
    packets_squared.add(packet_count * packet_count);
    packets_by_cycles.add(packet_count * cycle_count);
  }
};

/// How long things waited, in classes: exact to 4 us, then four classes for each doubling.
struct WaitTimes {
  static constexpr std::size_t kClasses = 64;
  std::array<Counter, kClasses> classes;

  static constexpr std::size_t class_of(std::uint64_t us) {
    if (us < 4) return us;
    const auto octave = static_cast<std::size_t>(std::bit_width(us)) - 3;
    return std::min(kClasses - 1, 4 + octave * 4 + ((us >> octave) & 3));
  }
  /// The shortest time of a class, in us.
  static constexpr std::uint64_t least_of(std::size_t index) {
    return index < 4 ? index : (4 + index % 4) << ((index - 4) / 4);
  }
  void add(std::uint64_t us) { classes[class_of(us)].add(); }
};

struct alignas(64) WorkerCounters {
  // Receive side, packets.
  Counter received;         // from the ports' queues and from other workers' handoff rings
  Counter received_bytes;   // bytes of these frames
  Counter borrowed;         // loans taken from other workers
  Counter forwarded;        // media packets with at least one route, on this worker or another
  Counter flow_cache_hits;  // of those, packets that the flow cache served (stages/flow_cache.h)
  Counter consumed;         // RTCP packets, and loans that are not media packets
  Counter punted;           // handed up to the control thread
  Counter handed_off;       // passed to the worker that owns the UDP port
  // Send side, packets.
  Counter copies;         // media packets made for routes
  Counter retransmitted;  // media packets made again for receivers that lost them
  Counter reports;        // RTCP packets that the worker made
  Counter injected;       // frames of the control thread
  Counter lends;          // loans made for other workers
  Counter lent;           // loans that fit into the rings of the borrowers
  Counter returned;       // buffers that borrowers gave back
  Counter carried;        // frames that workers without a transmit queue passed on to this one
  Counter transmitted;    // frames that a port took
  Counter passed_on;      // frames given to a worker that has a queue of the port
  Counter transmitted_bytes;
  Counter waiting;  // frames that wait for a port now
  WaitTimes waits;  // of the frames that waited and left
  std::array<Counter, kDropReasonCount> drops;
  // RTCP items inside consumed packets.
  Counter feedback_forwarded;  // report blocks, PLI, FIR and NACK to a publisher; SR to receivers
  // Suppressed: report blocks, when the publisher got one less than 0.1 s ago; requests for a key frame that
  // joined one that waits; SR that came less than 0.5 s after the one before, or that a newer one replaced;
  // NACK of another worker about what the publisher was asked for already; what is for a publisher that
  // cannot be sent to.
  Counter feedback_suppressed;
  Counter feedback_unmatched;  // for no stream that a route sends now, or of a kind that is not relayed
  // Sequence numbers in NACKs. Each one is retransmitted or counted here.
  Counter retransmit_suppressed;  // asked for again too soon, or more than route, receiver or turn allow
  Counter retransmit_misses;      // cannot be sent again; the publisher is asked if it never came
  Counter not_kept;               // media packets past their stream's share of the packet cache
  // The loop itself.
  Counter polls;         // turns of the loop
  Counter busy_polls;    // turns that found work
  Counter busy_cycles;   // TSC cycles of busy turns
  Counter total_cycles;  // TSC cycles since start
  TurnSamples turn_samples;
  Counter commands;        // commands taken from the mailbox, stale ones included
  Counter stale_commands;  // commands without effect, mostly because their generation has passed
  Counter lost_events;     // notes that did not fit into the ring

  void drop(DropReason reason, std::uint64_t n = 1) { drops[static_cast<std::size_t>(reason)].add(n); }
};

/// A copy of the counters of the ledger, for the control thread and tests.
struct Ledger {
  std::uint64_t received = 0, borrowed = 0, forwarded = 0, consumed = 0, punted = 0, handed_off = 0,
                receive_drops = 0;
  std::uint64_t copies = 0, retransmitted = 0, reports = 0, injected = 0, carried = 0;
  std::uint64_t lends = 0, lent = 0, returned = 0;
  std::uint64_t transmitted = 0, passed_on = 0, send_drops = 0, waiting = 0;

  bool balanced() const {
    return received + borrowed == forwarded + consumed + punted + handed_off + receive_drops &&
           transmitted + passed_on + lent + send_drops + waiting ==
               copies + retransmitted + reports + injected + carried + lends &&
           returned <= lent;
  }
  /// The share of received packets that another worker owns: 0 to 1.
  double misdirected() const {
    return received == 0 ? 0 : static_cast<double>(handed_off) / static_cast<double>(received);
  }
};

inline Ledger read_ledger(const WorkerCounters& counters) {
  Ledger ledger;
  ledger.received = counters.received.read();
  ledger.forwarded = counters.forwarded.read();
  ledger.consumed = counters.consumed.read();
  ledger.punted = counters.punted.read();
  ledger.handed_off = counters.handed_off.read();
  ledger.copies = counters.copies.read();
  ledger.retransmitted = counters.retransmitted.read();
  ledger.reports = counters.reports.read();
  ledger.injected = counters.injected.read();
  ledger.borrowed = counters.borrowed.read();
  ledger.lends = counters.lends.read();
  ledger.returned = counters.returned.read();  // before `lent`, so that it is never greater
  ledger.lent = counters.lent.read();
  ledger.carried = counters.carried.read();
  ledger.passed_on = counters.passed_on.read();
  ledger.transmitted = counters.transmitted.read();
  ledger.waiting = counters.waiting.read();
  for (std::size_t i = 0; i < kDropReasonCount; ++i)
    (is_send_drop(static_cast<DropReason>(i)) ? ledger.send_drops : ledger.receive_drops) +=
        counters.drops[i].read();
  return ledger;
}

}  // namespace sluice::dataplane
