// local_addresses: the own addresses of a port that endpoints may have. Control thread only.
#pragma once

#include <cstddef>
#include <vector>

#include "controlplane/session/plane_status.h"
#include "dataplane/base/own_address.h"

namespace sluice::control {

struct LocalAddress {
  dataplane::OwnAddress number{};
  config::IpAddress ip;
};

/// In the order of the configuration. A link-local one is among them only when the port has no other of its
/// family.
[[nodiscard]] std::vector<LocalAddress> local_addresses(const dataplane::PortInfo& port,
                                                        std::size_t port_index);

}  // namespace sluice::control
