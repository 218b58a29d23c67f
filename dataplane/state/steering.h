// steering: which worker owns a local UDP port, and the rings by which a worker passes on what reached the
// wrong queue. We steer on what we own: the local port, never the peer's address, which NAT may change. Where
// a port has fewer transmit queues than there are workers, a second set of rings takes what the others send
// to one that has a queue.
// Two more sets carry loans (lend.h) and bring their buffers home.
//
// Writers: the control thread writes the table, worker a writes ring (a -> b), worker b reads it.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/spsc_ring.h"
#include "dataplane/shared/loan.h"

struct rte_mbuf;

namespace sluice::dataplane {

class Steering {
 public:
  static constexpr std::uint8_t kNoWorker = 0xff;
  static constexpr std::size_t kRingEntries = 1024;
  static constexpr std::size_t kLoans = 1024;  // out at one time, of one worker to another; a power of two

  /// `shares_queues`: some port has fewer transmit queues than there are workers.
  explicit Steering(std::size_t workers, bool shares_queues = false)
      : workers_(workers), shares_queues_(shares_queues) {
    for (auto& owner : owners_) owner.store(kNoWorker, std::memory_order_relaxed);
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
  void set_owner(std::uint16_t udp_port, std::uint8_t worker) {
    owners_[udp_port].store(worker, std::memory_order_relaxed);
  }
  /// kNoWorker when nothing was ever placed on that port.
  std::uint8_t owner(std::uint16_t udp_port) const {
    return owners_[udp_port].load(std::memory_order_relaxed);
  }

  /// REQUIRES: two of the workers, as for all rings.
  SpscRing<rte_mbuf*>& ring(std::size_t from, std::size_t to) {
    assert(from < workers_ && to < workers_);
    return *rings_[from * workers_ + to];
  }

  /// REQUIRES: more than one worker.
  SpscRing<Loan>& loans(std::size_t from, std::size_t to) {
    assert(workers_ > 1 && from < workers_ && to < workers_);
    return *loans_[from * workers_ + to];
  }
  /// `from` is the borrower.
  SpscRing<rte_mbuf*>& returns(std::size_t from, std::size_t to) {
    assert(workers_ > 1 && from < workers_ && to < workers_);
    return *returns_[from * workers_ + to];
  }

  bool shares_queues() const { return shares_queues_; }
  /// Whole frames on their way out, their mbufs' port set. REQUIRES: shares_queues().
  SpscRing<rte_mbuf*>& send_ring(std::size_t from, std::size_t to) {
    assert(shares_queues_ && from < workers_ && to < workers_);
    return *send_rings_[from * workers_ + to];
  }

 private:
  const std::size_t workers_;
  const bool shares_queues_;
  std::array<std::atomic<std::uint8_t>, 65536> owners_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> rings_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> send_rings_;
  std::vector<std::unique_ptr<SpscRing<Loan>>> loans_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> returns_;
};

}  // namespace sluice::dataplane
