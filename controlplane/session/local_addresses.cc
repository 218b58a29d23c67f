#include "controlplane/session/local_addresses.h"

#include <algorithm>

namespace sluice::control {

std::vector<LocalAddress> local_addresses(const dataplane::PortInfo& port, std::size_t port_index) {
  const auto is_better = [](const config::IpPrefix& other, const config::IpAddress& ip) {
    return other.address.family == ip.family && !other.address.is_link_local();
  };
  std::vector<LocalAddress> addresses;
  for (std::size_t i = 0; i < port.addresses.size(); ++i) {
    const config::IpAddress& ip = port.addresses[i].address;
    if (ip.is_link_local() &&
        std::ranges::any_of(port.addresses, [&](const auto& other) { return is_better(other, ip); }))
      continue;
    addresses.push_back({dataplane::own_address(port_index, i), ip});
  }
  return addresses;
}

}  // namespace sluice::control
