#include "dataplane/port/port_steering.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <bit>

namespace sluice::dataplane {
namespace {

constexpr std::uint64_t kUdp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t kUdpByPort = kUdp | RTE_ETH_RSS_L4_DST_ONLY;

// The key of Microsoft's RSS specification, repeated for ports that want a longer one.
constexpr std::array<std::uint8_t, 40> kKey{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                            0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                            0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                            0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

// This driver ignores the mask of a UDP port: a masked rule would match only the number in its value.
constexpr std::string_view kWholePortsOnly = "net_tap";

bool set_table(std::uint16_t port_id, std::span<const std::uint16_t> table) {
  std::vector<rte_eth_rss_reta_entry64> groups(
      (table.size() + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE, rte_eth_rss_reta_entry64{});
  for (std::size_t i = 0; i < table.size(); ++i) {
    rte_eth_rss_reta_entry64& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= 1ULL << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = table[i];
  }
  return rte_eth_dev_rss_reta_update(port_id, groups.data(), static_cast<std::uint16_t>(table.size())) == 0;
}

}  // namespace

void PortSteering::prepare(const rte_eth_dev_info& device, std::uint16_t queues, rte_eth_conf& conf) {
  if (queues < 2) return;
  const std::uint64_t offered = device.flow_type_rss_offloads;
  asked_for_rss_ = (offered & kUdpByPort) == kUdpByPort && std::has_single_bit(device.reta_size);
  const std::uint64_t wanted = asked_for_rss_ ? kUdpByPort : offered & RTE_ETH_RSS_UDP;
  if (wanted == 0) return;
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rx_adv_conf.rss_conf.rss_hf = wanted;
  if (!asked_for_rss_) return;
  key_.resize(std::max<std::size_t>(device.hash_key_size, kKey.size()));
  for (std::size_t i = 0; i < key_.size(); ++i) key_[i] = kKey[i % kKey.size()];
  conf.rx_adv_conf.rss_conf.rss_key = key_.data();
  conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key_.size());
}

void PortSteering::settle(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues,
                          bool tagged, std::uint16_t first_shared_port) {
  if (queues < 2) return;
  if (device.driver_name == kWholePortsOnly) {
    remark_ = "no flow rules: net_tap matches whole port numbers only";
  } else if (settle_flow(port_id, queues, tagged, first_shared_port)) {
    mode_ = SteeringMode::kFlow;
    return;
  }
  if (settle_rss(port_id, device, queues)) mode_ = SteeringMode::kRss;
}

bool PortSteering::settle_flow(std::uint16_t port_id, std::uint16_t queues, bool tagged,
                               std::uint16_t first_shared_port) {
  std::vector<PortRule> exact;
  for (std::uint16_t i = 0; i < queues; ++i)
    exact.push_back({static_cast<std::uint16_t>(first_shared_port + i), 0xffff, i});
  std::vector<PortRule> masked;
  for (std::size_t i = 0; i <= owner_mask(queues) / 2u; ++i) masked.push_back(owner_rule(i, queues));
  std::string refusal;
  rules_ = FlowRules::install(port_id, tagged, exact, masked, refusal);
  if (!rules_) {
    remark_ = "no flow rules: " + refusal;
    return false;
  }
  queue_of_.resize(65536);
  for (std::size_t port = 0; port < queue_of_.size(); ++port)
    queue_of_[port] = static_cast<std::uint8_t>(owner_queue(static_cast<std::uint16_t>(port), queues));
  for (const PortRule& rule : exact) queue_of_[rule.value] = static_cast<std::uint8_t>(rule.queue);
  return true;
}

bool PortSteering::settle_rss(std::uint16_t port_id, const rte_eth_dev_info& device, std::uint16_t queues) {
  if (!asked_for_rss_) {
    remark_ += "; no RSS on the destination port alone";
    return false;
  }
  std::vector<std::uint16_t> table(device.reta_size);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::uint16_t>(i % queues);
  rte_eth_rss_conf in_force{};
  std::vector<std::uint8_t> key(key_.size());
  in_force.rss_key = key.data();
  in_force.rss_key_len = static_cast<std::uint8_t>(key.size());
  const bool as_asked = set_table(port_id, table) && rte_eth_dev_rss_hash_conf_get(port_id, &in_force) == 0 &&
                        (in_force.rss_hf & RTE_ETH_RSS_L4_DST_ONLY) != 0 && key == key_;
  if (!as_asked) {
    remark_ += "; RSS did not take the key and the table";
    return false;
  }
  queue_of_.resize(65536);
  for (std::size_t port = 0; port < queue_of_.size(); ++port)
    queue_of_[port] = static_cast<std::uint8_t>(hashed_queue(static_cast<std::uint16_t>(port), key_, table));
  return true;
}

}  // namespace sluice::dataplane
