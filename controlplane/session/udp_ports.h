// udp_ports: which local UDP port an endpoint gets. One that the port's hardware brings to the endpoint's
// worker, when it knows how to (dataplane/port/port_steering.h) and has one left; else any, and the workers
// hand over. A port belongs to a worker from the moment it is given; the steering table hears of it here.
// Control thread only.
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

  /// For an endpoint of `worker` on the port of that index: one UDP port, or a pair. nullopt when all are
  /// taken.
  [[nodiscard]] std::optional<PortLease> acquire(std::size_t worker, std::size_t port_index, bool pair);
  /// REQUIRES: it was acquired as such and committed.
  void release(std::uint16_t udp_port, bool pair);

  std::uint16_t min() const { return ports_.min(); }
  std::uint16_t max() const { return ports_.max(); }
  std::size_t allocated() const { return ports_.allocated(); }
  std::size_t free() const { return ports_.free(); }

 private:
  /// Of UDP ports that every DPDK port treats alike: the queue that each brings them to, if that is known.
  using Kind = std::vector<std::optional<std::uint8_t>>;

  static std::vector<Kind> find_kinds(const config::Config& config, const MediaPlane& plane);
  static Kind kind_of(const MediaPlane& plane, std::uint16_t udp_port);

  MediaPlane& plane_;
  std::vector<Kind> kinds_;  // sorted; a block of the allocator each
  PortAllocator ports_;
};

/// UDP ports that go back unless they are committed. The UdpPorts outlive it.
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
