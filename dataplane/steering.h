// steering: which worker owns a local UDP port, and the rings by which a worker passes on what reached the
// wrong queue. We steer on what we own: the local port, never the peer's address, which NAT may change.
// Writers: the control thread writes the table, worker a writes ring (a -> b), worker b reads it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/spsc_ring.h"

struct rte_mbuf;

namespace sluice::dataplane {

class Steering {
 public:
  static constexpr std::uint8_t kNobody = 0xff;
  static constexpr std::size_t kRingEntries = 1024;

  explicit Steering(std::size_t workers) : workers_(workers) {
    for (auto& owner : owners_) owner.store(kNobody, std::memory_order_relaxed);
    for (std::size_t i = 0; i < workers * workers; ++i)
      rings_.push_back(std::make_unique<SpscRing<rte_mbuf*>>(workers == 1 ? 2 : kRingEntries));
  }

  std::size_t workers() const { return workers_; }
  void set_owner(std::uint16_t udp_port, std::uint8_t worker) {
    owners_[udp_port].store(worker, std::memory_order_relaxed);
  }
  /// kNobody when nothing was ever placed on that port.
  std::uint8_t owner(std::uint16_t udp_port) const {
    return owners_[udp_port].load(std::memory_order_relaxed);
  }

  SpscRing<rte_mbuf*>& ring(std::size_t from, std::size_t to) { return *rings_[from * workers_ + to]; }

 private:
  const std::size_t workers_;
  std::array<std::atomic<std::uint8_t>, 65536> owners_;
  std::vector<std::unique_ptr<SpscRing<rte_mbuf*>>> rings_;
};

}  // namespace sluice::dataplane
