#include "dataplane/ring_port.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include <algorithm>
#include <vector>

namespace sluice::dataplane {
namespace {

// One worker on this side and one thread on the other: single producer, single consumer.
rte_ring* make_ring(const config::RingDevice& ring, RingWay way, std::uint16_t queue) {
  const std::string name = ring_name(ring.name, way, queue);
  rte_ring* existing = rte_ring_lookup(name.c_str());
  if (existing != nullptr && rte_ring_get_size(existing) == ring.size) return existing;
  return rte_ring_create(name.c_str(), ring.size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

}  // namespace

std::string ring_name(std::string_view name, RingWay way, std::uint16_t queue) {
  return "sluice_" + std::string(name) + (way == RingWay::kToSluice ? "_rx" : "_tx") + std::to_string(queue);
}

std::string ring_file_prefix(std::string_view name) {
  return "sluice-" + std::string(name);
}

bool make_ring_port(const config::RingDevice& ring, std::uint16_t queues, std::uint16_t& id,
                    std::string& error) {
  queues = std::min<std::uint16_t>(queues, RTE_PMD_RING_MAX_RX_RINGS);
  std::vector<rte_ring*> to;
  std::vector<rte_ring*> from;
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    to.push_back(make_ring(ring, RingWay::kToSluice, queue));
    from.push_back(make_ring(ring, RingWay::kFromSluice, queue));
    if (to.back() == nullptr || from.back() == nullptr) {
      error = "making rings of " + std::to_string(ring.size) + " packets: " + rte_strerror(rte_errno);
      return false;
    }
  }
  const int port = rte_eth_from_rings(ring.name.c_str(), to.data(), queues, from.data(), queues, 0);
  if (port < 0) {
    error = std::string("making a port of its rings: ") + rte_strerror(rte_errno);
    return false;
  }
  id = static_cast<std::uint16_t>(port);
  return true;
}

}  // namespace sluice::dataplane
