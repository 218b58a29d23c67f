// link: sends and receives packets, and has the packet pool. A link is one of three: the other end of a ring:
// port of sluiced (as a secondary DPDK process, without a copy), a DPDK device, or a ring that leads back to
// this process. One thread.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/wire/frame.h"

namespace sluice::gen {

struct LinkOptions {
  std::string ring;         // sluiced's ring:NAME
  std::string file_prefix;  // the name of sluiced's first ring port, if it is another one
  std::string device;       // or a device: PCI address or vdev
  bool loop = false;        // or a ring that leads back to this process
  std::uint16_t core = 0;
  std::uint32_t mbufs = 65535;
};

class Link {
 public:
  /// Starts the EAL. nullptr with the reason in `error`.
  static std::unique_ptr<Link> open(const LinkOptions& options, std::string& error);

  std::uint16_t queues() const { return queues_; }
  rte_mempool* pool() const { return pool_; }
  /// Packets that its ring holds; 0 for a device.
  std::size_t capacity() const { return to_.empty() ? 0 : rte_ring_get_capacity(to_[0]); }
  /// The MAC of a device. nullopt for rings.
  [[nodiscard]] std::optional<dataplane::MacAddress> mac() const { return mac_; }

  /// Returns how many packets the link took. The caller still owns the others.
  std::size_t send(std::uint16_t queue, rte_mbuf** packets, std::size_t count) {
    if (to_.empty()) return rte_eth_tx_burst(port_, queue, packets, static_cast<std::uint16_t>(count));
    return rte_ring_sp_enqueue_burst(to_[queue], reinterpret_cast<void**>(packets),
                                     static_cast<unsigned>(count), nullptr);
  }
  std::size_t receive(std::uint16_t queue, rte_mbuf** packets, std::size_t count) {
    if (from_.empty()) return rte_eth_rx_burst(port_, queue, packets, static_cast<std::uint16_t>(count));
    return rte_ring_sc_dequeue_burst(from_[queue], reinterpret_cast<void**>(packets),
                                     static_cast<unsigned>(count), nullptr);
  }

  /// Frees packets that came by that queue. Buffers of sluiced return to sluiced, as a NIC returns buffers
  /// that it has sent.
  void give_back(std::uint16_t queue, rte_mbuf** packets, std::size_t count);

 private:
  Link() = default;
  [[nodiscard]] bool start_eal(const LinkOptions& options, std::string& error);
  [[nodiscard]] bool attach(const LinkOptions& options, std::string& error);
  [[nodiscard]] bool open_device(const LinkOptions& options, std::string& error);
  [[nodiscard]] bool make_pool(const LinkOptions& options, std::string& error);

  std::vector<rte_ring*> to_, from_;
  std::vector<rte_ring*> home_;       // per queue, for buffers that return; empty: they are freed here
  std::vector<rte_mempool*> theirs_;  // the pool that home_ is for
  std::uint16_t port_ = 0;
  std::uint16_t queues_ = 1;
  rte_mempool* pool_ = nullptr;
  std::optional<dataplane::MacAddress> mac_;
};

}  // namespace sluice::gen
