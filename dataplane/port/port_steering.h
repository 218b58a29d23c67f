// port_steering: how one port's packets get to the worker that they are for: the port is asked, in order of
// preference, for rules on the UDP destination port, for RSS on it, and where it has neither the workers hand
// over among themselves (steering.h), which also mends whatever the hardware does otherwise than we think.
// Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/port/flow_rules.h"

struct rte_eth_conf;
struct rte_eth_dev_info;

namespace sluice::dataplane {

enum class SteeringMode : std::uint8_t { kHandoff, kRss, kFlow };

constexpr std::string_view steering_mode_name(SteeringMode mode) {
  switch (mode) {
    case SteeringMode::kFlow:
      return "flow";
    case SteeringMode::kRss:
      return "rss";
    case SteeringMode::kHandoff:
      break;
  }
  return "handoff";
}

class PortSteering {
 public:
  static constexpr std::uint8_t kAnyQueue = 0xff;

  /// Before the port is configured: asks for RSS, on the destination port alone where it can.
  void prepare(const rte_eth_dev_info& device, std::uint16_t queues, rte_eth_conf& conf);
  /// After the port was started: finds out what it does. Worker n's shared ICE port is first_shared_port + n.
  void settle(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues, bool tagged,
              std::uint16_t first_shared_port);

  SteeringMode mode() const { return mode_; }
  /// Why not the better ways, for the log. Empty with one queue, where there is nothing to choose.
  const std::string& remark() const { return remark_; }
  /// The queue that the hardware brings a UDP port to; kAnyQueue when that is unknown.
  std::uint8_t queue_of(std::uint16_t udp_port) const {
    return queue_of_.empty() ? kAnyQueue : queue_of_[udp_port];
  }
  /// Takes the rules away. Before the port is closed.
  void end() { rules_.reset(); }

 private:
  bool settle_flow(std::uint16_t port_id, std::uint16_t queues, bool tagged, std::uint16_t first_shared_port);
  bool settle_rss(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues);

  SteeringMode mode_ = SteeringMode::kHandoff;
  bool asked_for_rss_ = false;
  std::string remark_;
  std::vector<std::uint8_t> key_;
  std::vector<std::uint8_t> queue_of_;  // by UDP port, or empty
  std::unique_ptr<FlowRules> rules_;
};

}  // namespace sluice::dataplane
