#include "controlplane/server/port_view.h"

#include <utility>

#include "controlplane/base/mac_text.h"

namespace sluice::control {

OrderedJson render_port(const dataplane::PortInfo& info, const dataplane::PortStatistics& statistics,
                        const LinkView& link) {
  OrderedJson addresses = OrderedJson::array();
  for (const auto& address : info.addresses) addresses.push_back(address.to_string());
  const auto gateway_text = [](const auto& gateway) {
    return gateway ? OrderedJson(gateway->to_string()) : OrderedJson(nullptr);
  };
  const auto known_mac = [](const auto& mac) {
    return mac ? OrderedJson(mac_text(*mac)) : OrderedJson(nullptr);
  };
  return {{"name", info.name},
          {"driver", info.driver},
          {"mac", mac_text(info.mac)},
          {"vlan", info.vlan},
          {"mtu", info.mtu},
          {"queues", info.queues},
          {"transmitQueues", info.transmit_queues},
          {"steering", dataplane::steering_mode_name(info.steering)},
          {"addresses", std::move(addresses)},
          {"gateway", gateway_text(info.gateway)},
          {"gatewayMac", known_mac(link.gateway_mac)},
          {"gateway6", gateway_text(info.gateway6)},
          {"gateway6Mac", known_mac(link.gateway6_mac)},
          {"addressConflicts", link.address_conflicts},
          {"link", statistics.link_up ? "up" : "down"},
          {"packetsReceived", statistics.received},
          {"bytesReceived", statistics.received_bytes},
          {"packetsSent", statistics.transmitted},
          {"bytesSent", statistics.transmitted_bytes},
          {"missed", statistics.missed},
          {"receiveErrors", statistics.receive_errors},
          {"sendErrors", statistics.transmit_errors},
          {"noBuffer", statistics.no_buffer}};
}

}  // namespace sluice::control
