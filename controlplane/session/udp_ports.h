// udp_ports: which local UDP port an endpoint gets. The best is one that the port's hardware brings to the
// endpoint's worker (dataplane/port/port_steering.h). When there is none, any other is given, and the workers
// hand packets off. acquire() makes the worker the owner of the UDP port in the steering table. Control
// thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "controlplane/session/media_plane.h"
#include "controlplane/session/port_allocator.h"

namespace sluice::control {

class PortLease;

class UdpPorts {
 public:
  UdpPorts(const config::Config& config, MediaPlane& plane);

  /// Takes one UDP port or a pair for an endpoint of `worker` on the port `port_index`. nullopt when none is
  /// free.
  [[nodiscard]] std::optional<PortLease> acquire(std::size_t worker, std::size_t port_index, bool pair);
  /// Frees what acquire() gave. REQUIRES: `pair` as in acquire(), and no lease holds it.
  void release(std::uint16_t udp_port, bool pair);

  std::uint16_t min() const { return ports_.min(); }
  std::uint16_t max() const { return ports_.max(); }
  std::size_t allocated() const { return ports_.allocated(); }
  std::size_t free() const { return ports_.free(); }

 private:
  /// UDP ports of one kind are treated alike by every DPDK port. A kind holds, for each DPDK port, the queue
  /// that the UDP port is brought to, if that is known.
  using Kind = std::vector<std::optional<std::uint8_t>>;

  static std::vector<Kind> find_kinds(const config::Config& config, const MediaPlane& plane);
  static Kind kind_of(const MediaPlane& plane, std::uint16_t udp_port);

  MediaPlane& plane_;
  std::vector<Kind> kinds_;  // sorted; each is a block of the allocator
  PortAllocator ports_;
};

/// UDP ports that are freed unless they are committed. The UdpPorts object outlives the lease.
class PortLease {
 public:
  PortLease(UdpPorts& ports, std::uint16_t udp_port, bool pair)
      : ports_(&ports), udp_port_(udp_port), pair_(pair) {}
  PortLease(PortLease&& other) noexcept
      : ports_(std::exchange(other.ports_, nullptr)), udp_port_(other.udp_port_), pair_(other.pair_) {}
  PortLease& operator=(PortLease&&) = delete;
  ~PortLease() {
    if (ports_ != nullptr) ports_->release(udp_port_, pair_);
  }

  /// The even one of a pair.
  [[nodiscard]] std::uint16_t udp_port() const { return udp_port_; }
  /// The ports stay taken.
  void commit() { ports_ = nullptr; }

 private:
  UdpPorts* ports_;  // nullptr: committed, or moved from
  std::uint16_t udp_port_;
  bool pair_;
};

}  // namespace sluice::control
