// flow_rules: the rules (rte_flow) by which a port's hardware brings a UDP destination port to a queue, for
// IPv4 and IPv6 alike. All of a set are there, or none. Control thread only; the rules live as long as this
// does, and end before their port is closed.
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
  /// `tagged`: the port's frames carry a VLAN tag. `exact` rules win over `masked` ones where the port knows
  /// priorities. nullptr, with what the port objected to in `refusal`, when it takes one of them not; then it
  /// has none. REQUIRES: the port is started.
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
