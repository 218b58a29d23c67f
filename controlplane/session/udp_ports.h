// udp_ports: which own address and UDP port an endpoint gets. Each address has all UDP ports of the media
// range for itself. The best is one that the port's hardware brings to the endpoint's worker
// (dataplane/port/port_steering.h). When there is none, any other is given, and the workers hand packets off.
// acquire() makes the worker the owner of the UDP port in the steering table. Control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "controlplane/session/local_addresses.h"
#include "controlplane/session/media_plane.h"
#include "controlplane/session/port_allocator.h"

namespace sluice::control {

class PortLease;

class UdpPorts {
 public:
  UdpPorts(const config::Config& config, MediaPlane& plane);

  /// Takes one UDP port or a pair for an endpoint of `worker`, at one of the addresses `choices`. The
  /// hardware decides first, then the order of `choices`. nullopt when none of them has one free. REQUIRES:
  /// `choices` are from local_addresses().
  [[nodiscard]] std::optional<PortLease> acquire(std::size_t worker, std::span<const LocalAddress> choices,
                                                 bool pair);
  /// Frees what acquire() gave. REQUIRES: `pair` as in acquire(), and no lease holds it.
  void release(dataplane::OwnAddress address, std::uint16_t udp_port, bool pair);

  std::uint16_t min() const { return min_; }
  std::uint16_t max() const { return max_; }

  struct Use {
    config::IpAddress address;
    std::size_t allocated = 0, free = 0;  // UDP ports
  };
  /// In the order of [[ports]] and of their addresses.
  [[nodiscard]] std::vector<Use> uses() const;

 private:
  /// The queue that the hardware brings a UDP port to, if that is known.
  using Queue = std::optional<std::uint8_t>;
  using Queues = std::vector<Queue>;

  /// The UDP ports of one address. Those of one queue are a block of the allocator.
  struct Pool {
    config::IpAddress ip;
    Queues queues;  // sorted
    PortAllocator ports;
  };

  static Queues find_queues(const config::Config& config, const MediaPlane& plane, std::size_t port_index);

  MediaPlane& plane_;
  std::uint16_t min_;
  std::uint16_t max_;
  std::map<dataplane::OwnAddress, Pool> pools_;
};

/// UDP ports that are freed unless they are committed. The UdpPorts object outlives the lease.
class PortLease {
 public:
  PortLease(UdpPorts& ports, const LocalAddress& address, std::uint16_t udp_port, bool pair)
      : ports_(&ports), address_(address), udp_port_(udp_port), pair_(pair) {}
  PortLease(PortLease&& other) noexcept
      : ports_(std::exchange(other.ports_, nullptr)),
        address_(other.address_),
        udp_port_(other.udp_port_),
        pair_(other.pair_) {}
  PortLease& operator=(PortLease&&) = delete;
  ~PortLease() {
    if (ports_ != nullptr) ports_->release(address_.number, udp_port_, pair_);
  }

  [[nodiscard]] const LocalAddress& address() const { return address_; }
  /// The even one of a pair.
  [[nodiscard]] std::uint16_t udp_port() const { return udp_port_; }
  /// The ports stay taken.
  void commit() { ports_ = nullptr; }

 private:
  UdpPorts* ports_;  // nullptr: committed, or moved from
  LocalAddress address_;
  std::uint16_t udp_port_;
  bool pair_;
};

}  // namespace sluice::control
