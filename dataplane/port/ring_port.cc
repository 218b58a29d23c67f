#include "dataplane/port/ring_port.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>

namespace sluice::dataplane {
namespace {

// One worker on this side and one thread on the other: single producer, single consumer.
rte_ring* make_ring(const config::RingDevice& ring, RingWay way, std::uint16_t queue) {
  const std::string name = ring_name(ring.name, way, queue);
  rte_ring* existing = rte_ring_lookup(name.c_str());
  if (existing != nullptr && rte_ring_get_size(existing) == ring.size) return existing;
  return rte_ring_create(name.c_str(), ring.size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

// Buffers taken back at once. More than a worker sends in one burst, so that the ring does not fill up.
constexpr unsigned kHomeBurst = 128;

struct Home {
  rte_ring* ring;
  rte_mempool* pool;
};

// A callback's argument must exist as long as the port, so a Home is never freed.
Home& keep_home(rte_ring* ring, rte_mempool* pool) {
  static std::deque<Home> homes;
  return homes.emplace_back(Home{ring, pool});
}

// Takes returned buffers back into the pool. Runs on the worker, in its receive and transmit calls.
void take_home(const void* home) {
  const auto& [ring, pool] = *static_cast<const Home*>(home);
  std::array<void*, kHomeBurst> buffers;
  const unsigned count = rte_ring_sc_dequeue_burst(ring, buffers.data(), kHomeBurst, nullptr);
  if (count != 0) rte_mempool_put_bulk(pool, buffers.data(), count);
}

std::uint16_t on_receive(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count, std::uint16_t,
                         void* home) {
  take_home(home);
  return count;
}

std::uint16_t on_transmit(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count, void* home) {
  take_home(home);
  return count;
}

}  // namespace

std::string ring_name(std::string_view name, RingWay way, std::uint16_t queue) {
  const char* ending = way == RingWay::kToSluice ? "_rx" : way == RingWay::kFromSluice ? "_tx" : "_home";
  return "sluice_" + std::string(name) + ending + std::to_string(queue);
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

bool bring_buffers_home(const config::RingDevice& ring, std::uint16_t id, std::uint16_t queues,
                        const std::vector<rte_mempool*>& pools) {
  assert(pools.size() >= queues);
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    rte_ring* way = make_ring(ring, RingWay::kHome, queue);
    if (way == nullptr) return false;
    Home& home = keep_home(way, pools[queue]);
    if (rte_eth_add_rx_callback(id, queue, on_receive, &home) == nullptr ||
        rte_eth_add_tx_callback(id, queue, on_transmit, &home) == nullptr)
      return false;
  }
  return true;
}

}  // namespace sluice::dataplane
