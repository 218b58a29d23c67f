#include "dataplane/port/flow_rules.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include <array>
#include <cassert>

#include "dataplane/wire/frame.h"

namespace sluice::dataplane {
namespace {

// One rule as rte_flow wants it: Ethernet, a VLAN tag if the port has one, IPv4 or IPv6, UDP with the port,
// and the queue. The rule accepts any VLAN: classify drops packets of another VLAN on every worker.
struct FlowText {
  FlowText(const PortRule& rule, bool tagged, bool v6, std::uint32_t priority) {
    attributes.ingress = 1;
    attributes.priority = priority;
    store_be16(reinterpret_cast<std::uint8_t*>(&value.hdr.dst_port), rule.value);
    store_be16(reinterpret_cast<std::uint8_t*>(&mask.hdr.dst_port), rule.mask);
    queue.index = rule.queue;
    rte_flow_item* item = pattern.data();
    (item++)->type = RTE_FLOW_ITEM_TYPE_ETH;
    if (tagged) (item++)->type = RTE_FLOW_ITEM_TYPE_VLAN;
    (item++)->type = v6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4;
    item->type = RTE_FLOW_ITEM_TYPE_UDP;
    item->spec = &value;
    item->mask = &mask;
    (++item)->type = RTE_FLOW_ITEM_TYPE_END;
    actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
    actions[0].conf = &queue;
    actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  }
  FlowText(const FlowText&) = delete;
  FlowText& operator=(const FlowText&) = delete;

  rte_flow_attr attributes{};
  rte_flow_item_udp value{};
  rte_flow_item_udp mask{};
  rte_flow_action_queue queue{};
  std::array<rte_flow_item, 5> pattern{};
  std::array<rte_flow_action, 2> actions{};
};

std::string reason(const rte_flow_error& error, int code) {
  return error.message != nullptr ? error.message : rte_strerror(code);
}

bool takes(std::uint16_t port_id, bool tagged, const PortRule& rule, std::uint32_t priority,
           std::string& refusal) {
  for (const bool v6 : {false, true}) {
    const FlowText text(rule, tagged, v6, priority);
    rte_flow_error error{};
    const int code =
        rte_flow_validate(port_id, &text.attributes, text.pattern.data(), text.actions.data(), &error);
    if (code == 0) continue;
    refusal = reason(error, -code);
    return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<FlowRules> FlowRules::install(std::uint16_t port_id, bool tagged,
                                              std::span<const PortRule> exact,
                                              std::span<const PortRule> masked, std::string& refusal) {
  assert(rte_eth_dev_is_valid_port(port_id));
  for (const PortRule& rule : exact)
    if (!takes(port_id, tagged, rule, 0, refusal)) return nullptr;
  // Without priorities a port may follow either of two rules that overlap. The workers hand off the packets
  // that reach the wrong one.
  std::string ignored;
  const std::uint32_t priority = masked.empty() || takes(port_id, tagged, masked[0], 1, ignored) ? 1 : 0;
  for (const PortRule& rule : masked)
    if (!takes(port_id, tagged, rule, priority, refusal)) return nullptr;
  std::unique_ptr<FlowRules> rules(new FlowRules(port_id, tagged));
  for (const PortRule& rule : exact)
    if (!rules->add(rule, 0, refusal)) return nullptr;
  for (const PortRule& rule : masked)
    if (!rules->add(rule, priority, refusal)) return nullptr;
  return rules;
}

bool FlowRules::add(const PortRule& rule, std::uint32_t priority, std::string& refusal) {
  for (const bool v6 : {false, true}) {
    const FlowText text(rule, tagged_, v6, priority);
    rte_flow_error error{};
    rte_flow* flow =
        rte_flow_create(port_id_, &text.attributes, text.pattern.data(), text.actions.data(), &error);
    if (flow == nullptr) {
      refusal = reason(error, rte_errno);
      return false;
    }
    flows_.push_back(flow);
  }
  return true;
}

FlowRules::~FlowRules() {
  for (rte_flow* flow : flows_) {
    rte_flow_error error{};
    rte_flow_destroy(port_id_, flow, &error);
  }
}

}  // namespace sluice::dataplane
