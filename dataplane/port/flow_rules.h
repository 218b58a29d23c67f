// flow_rules: rules (rte_flow) by which a port's hardware delivers packets of a UDP destination port to a
// queue, over IPv4 and IPv6. The port has all rules of a set, or none. The rules exist as long as their
// FlowRules object, which must be destroyed before the port is closed. Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/port/landing.h"

struct rte_flow;

namespace sluice::dataplane {

class FlowRules {
 public:
  /// `tagged`: the port's frames carry a VLAN tag. Where the port supports priorities, `exact` rules have
  /// priority over `masked` ones. When the port refuses a rule, returns nullptr with the port's reason in
  /// `refusal`, and the port has none of the rules. REQUIRES: the port is started.
  static std::unique_ptr<FlowRules> install(std::uint16_t port_id, bool tagged,
                                            std::span<const PortRule> exact, std::span<const PortRule> masked,
                                            std::string& refusal);
  ~FlowRules();
  FlowRules(const FlowRules&) = delete;
  FlowRules& operator=(const FlowRules&) = delete;

  std::size_t count() const { return flows_.size(); }

 private:
  FlowRules(std::uint16_t port_id, bool tagged) : port_id_(port_id), tagged_(tagged) {}
  bool add(const PortRule& rule, std::uint32_t priority, std::string& refusal);

  std::uint16_t port_id_;
  bool tagged_;
  std::vector<rte_flow*> flows_;
};

}  // namespace sluice::dataplane
