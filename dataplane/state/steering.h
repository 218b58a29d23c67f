// steering: which worker owns a UDP port of each of our addresses, and the rings between workers. Steering
// uses the local address and UDP port, which we choose, and never the peer's, which NAT may change.
//
// There is a ring for each ordered pair of workers, in four sets. The first set is for the handoff of packets
// that reached the queue of another worker. The second set exists where a port has fewer transmit queues than
// there are workers: it takes frames to a worker that has a queue. The last two sets carry loans and return
// their buffers (stages/lend.h).
//
// Threads: the control thread constructs it and writes the table. Any worker reads the table. Worker `from`
// pushes to ring (from, to), worker `to` pops.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/own_address.h"
#include "dataplane/base/slot_array.h"
#include "dataplane/base/spsc_ring.h"
#include "dataplane/shared/loan.h"

struct rte_mbuf;

namespace sluice::dataplane {

class Steering {
 public:
  static constexpr std::uint8_t kNoWorker = 0xff;
  static constexpr std::size_t kRingEntries = 1024;
  static constexpr std::size_t kLoans = 1024;  // most that are out from one worker to another; a power of two

  /// `ports`: the number of [[ports]]. `shares_queues`: some port has fewer transmit queues than there are
  /// workers.
  explicit Steering(std::size_t workers, std::size_t ports, bool shares_queues = false)
      : workers_(workers), shares_queues_(shares_queues), owners_(local_places(ports)) {
    for (std::size_t i = 0; i < workers * workers; ++i)
      rings_.push_back(std::make_unique<SpscRing<rte_mbuf*>>(workers == 1 ? 2 : kRingEntries));
    for (std::size_t i = 0; workers > 1 && i < workers * workers; ++i) {
      loans_.push_back(std::make_unique<SpscRing<Loan>>(kLoans));
      returns_.push_back(std::make_unique<SpscRing<rte_mbuf*>>(kLoans));
    }
    for (std::size_t i = 0; shares_queues && i < workers * workers; ++i)
      send_rings_.push_back(std::make_unique<SpscRing<rte_mbuf*>>(kRingEntries));
  }

  std::size_t workers() const { return workers_; }
  void set_owner(OwnAddress address, std::uint16_t udp_port, std::uint8_t worker) {
    assert(worker < workers_);
    owners_[local_place(address, udp_port)].store(static_cast<std::uint8_t>(worker + 1),
                                                  std::memory_order_relaxed);
  }
  /// kNoWorker when no endpoint ever had that UDP port of that address.
  std::uint8_t owner(OwnAddress address, std::uint16_t udp_port) const {
    return static_cast<std::uint8_t>(owners_[local_place(address, udp_port)].load(std::memory_order_relaxed) -
                                     1);
  }

  /// The ring for handoff. REQUIRES, as for all rings: `from` and `to` are workers.
  SpscRing<rte_mbuf*>& ring(std::size_t from, std::size_t to) {
    assert(from < workers_ && to < workers_);
    return *rings_[from * workers_ + to];
  }

  /// `from` is the lender. REQUIRES: more than one worker.
  SpscRing<Loan>& loans(std::size_t from, std::size_t to) {
    assert(workers_ > 1 && from < workers_ && to < workers_);
    return *loans_[from * workers_ + to];
  }
  /// `from` is the borrower. REQUIRES: more than one worker.
  SpscRing<rte_mbuf*>& returns(std::size_t from, std::size_t to) {
    assert(workers_ > 1 && from < workers_ && to < workers_);
    return *returns_[from * workers_ + to];
  }

  bool shares_queues() const { return shares_queues_; }
  /// Whole frames to be sent; the port of each mbuf is set. REQUIRES: shares_queues().
  SpscRing<rte_mbuf*>& send_ring(std::size_t from, std::size_t to) {
    assert(shares_queues_ && from < workers_ && to < workers_);
    return *send_rings_[from * workers_ + to];
  }

 private:
  const std::size_t workers_;
  const bool shares_queues_;
  SlotArray<std::atomic<std::uint8_t>> owners_;  // the worker plus 1; 0 = none
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> rings_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> send_rings_;
  std::vector<std::unique_ptr<SpscRing<Loan>>> loans_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> returns_;
};

}  // namespace sluice::dataplane
