// port_steering: how the packets of one DPDK port reach the worker that owns them. It asks the port for rules
// on the UDP destination port. If the port refuses, it asks for RSS on the destination port. If the port has
// neither, the workers hand packets off to each other (state/steering.h). They also hand off the packets that
// the hardware delivers to another queue than expected. Control thread only.
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

  /// Adds the RSS settings to `conf`: on the destination port alone where the port can do that. `conf` then
  /// refers to memory of this object. Called before the port is configured.
  void prepare(const rte_eth_dev_info& device, std::uint16_t queues, rte_eth_conf& conf);
  /// Installs the rules, or else the RSS table, and sets mode(). Worker n's shared ICE port is
  /// first_shared_port + n. Called after the port has been started.
  void settle(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues, bool tagged,
              std::uint16_t first_shared_port);

  SteeringMode mode() const { return mode_; }
  /// Why the port does not use a better mode, for the log. Empty with a single queue.
  const std::string& remark() const { return remark_; }
  /// The queue to which the hardware delivers a UDP port; kAnyQueue when this is unknown.
  std::uint8_t queue_of(std::uint16_t udp_port) const {
    return queue_of_.empty() ? kAnyQueue : queue_of_[udp_port];
  }
  /// Removes the rules. REQUIRES: the port is not closed yet.
  void end() { rules_.reset(); }

 private:
  bool settle_flow(std::uint16_t port_id, std::uint16_t queues, bool tagged, std::uint16_t first_shared_port);
  bool settle_rss(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues);

  SteeringMode mode_ = SteeringMode::kHandoff;
  bool asked_for_rss_ = false;
  std::string remark_;
  std::vector<std::uint8_t> key_;
  std::vector<std::uint8_t> queue_of_;  // indexed by UDP port; empty when unknown
  std::unique_ptr<FlowRules> rules_;
};

}  // namespace sluice::dataplane
