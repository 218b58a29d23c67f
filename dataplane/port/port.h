// port: one DPDK Ethernet port and its queues. The control thread opens it before the workers start, and
// closes it after they have stopped. A worker uses the port by PortInfo::id, and only its own queue.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "dataplane/port/port_steering.h"
#include "dataplane/wire/frame.h"

struct rte_mempool;

namespace sluice::dataplane {

/// Which part computes the IPv4 and UDP checksums of outgoing frames.
enum class TransmitChecksums : std::uint8_t {
  kSoftware,  // the worker
  kHardware,  // the port, as the flags of each mbuf ask
  kNone,      // none: packets of a ring: device stay in memory, which has no bit errors
};

/// The properties of an open port. Constant while it is open.
struct PortInfo {
  std::uint16_t id = 0;  // DPDK's
  std::string name;      // [[ports]] name
  std::string driver;    // "net_tap"
  MacAddress mac{};
  std::uint16_t vlan = 0;
  std::uint16_t mtu = 1500;
  // Worker w polls receive queue w when w < queues, and sends by transmit queue w when w < transmit_queues.
  // The other workers receive by handoff, and pass their frames on to a worker with a transmit queue.
  std::uint16_t queues = 0;
  std::uint16_t transmit_queues = 0;
  SteeringMode steering = SteeringMode::kHandoff;
  // The driver delivers complete checksums, so that bad ones may be dropped.
  bool checks_udp_checksum = false;
  TransmitChecksums transmit_checksums = TransmitChecksums::kSoftware;
  // The configured addresses, and the IPv6 link-local one when there is an IPv6 address among them.
  std::vector<config::IpPrefix> addresses;
  std::optional<config::IpAddress> gateway;
  std::optional<config::IpAddress> gateway6;
};

/// The driver's own counts, for `port.list` (rte_eth_stats).
struct PortStatistics {
  std::uint64_t received = 0, transmitted = 0;  // packets
  std::uint64_t received_bytes = 0, transmitted_bytes = 0;
  std::uint64_t missed = 0, receive_errors = 0, transmit_errors = 0, no_buffer = 0;
  bool link_up = false;
};

class Port {
 public:
  /// On failure nullptr, with the reason in `error`: it names the port, the device and the step. Worker n's
  /// shared ICE port is first_shared_port + n. `rx_interrupts`: asks the driver for receive interrupts;
  /// Idle::check() later finds out whether it has any. REQUIRES: `pools` has one packet pool per worker.
  static std::unique_ptr<Port> open(const config::Port& config, std::size_t workers,
                                    std::uint16_t first_shared_port, bool rx_interrupts,
                                    const std::vector<rte_mempool*>& pools, std::string& error);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const PortInfo& info() const { return info_; }
  PortStatistics statistics() const;
  bool link_is_up() const;
  const PortSteering& steering() const { return steering_; }

 private:
  Port() = default;
  PortInfo info_;
  PortSteering steering_;
};

}  // namespace sluice::dataplane
