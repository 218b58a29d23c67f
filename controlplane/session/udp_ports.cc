#include "controlplane/session/udp_ports.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <tuple>

namespace sluice::control {

UdpPorts::UdpPorts(const config::Config& config, MediaPlane& plane)
    : plane_(plane), min_(config.media.port_min), max_(config.media.port_max) {
  const std::uint16_t first_shared = config.ice.shared_port;
  const auto last_shared =
      static_cast<std::uint16_t>(std::min<std::size_t>(first_shared + plane.worker_count() - 1, 65535));
  for (std::size_t port = 0; port < plane.port_count(); ++port) {
    const Queues queues = find_queues(config, plane, port);
    const auto block_of = [&](std::uint16_t udp_port) {
      const auto found = std::ranges::lower_bound(queues, plane.brings_to(port, udp_port));
      return static_cast<std::size_t>(found - queues.begin());
    };
    for (const LocalAddress& address : local_addresses(plane.port(port), port)) {
      pools_.try_emplace(address.number,
                         Pool{address.ip, queues,
                              PortAllocator(min_, max_, queues.size(), first_shared, last_shared, block_of)});
      for (std::size_t i = 0; i < plane.worker_count(); ++i)
        plane.steer(address.number, static_cast<std::uint16_t>(first_shared + i), i);
    }
  }
}

UdpPorts::Queues UdpPorts::find_queues(const config::Config& config, const MediaPlane& plane,
                                       std::size_t port_index) {
  std::set<Queue> queues;
  for (std::uint32_t udp_port = config.media.port_min; udp_port <= config.media.port_max; ++udp_port)
    queues.insert(plane.brings_to(port_index, static_cast<std::uint16_t>(udp_port)));
  return {queues.begin(), queues.end()};
}

std::optional<PortLease> UdpPorts::acquire(std::size_t worker, std::span<const LocalAddress> choices,
                                           bool pair) {
  // First the ports that the hardware brings to this worker, then those for which the queue is not known,
  // then the others. Among equals, the first address, and of it the queue with the most free ports.
  struct Best {
    std::tuple<int, std::ptrdiff_t, std::size_t> rank;
    const LocalAddress* address;
    Pool* pool;
    std::size_t block;
  };
  std::optional<Best> best;
  for (std::size_t choice = 0; choice < choices.size(); ++choice) {
    Pool& pool = pools_.at(choices[choice].number);
    for (std::size_t block = 0; block < pool.queues.size(); ++block) {
      const std::size_t free = pair ? pool.ports.free_pairs(block) : pool.ports.free_singles(block);
      if (free == 0) continue;
      const Queue& queue = pool.queues[block];
      const std::tuple rank{!queue             ? 1
                            : *queue == worker ? 2
                                               : 0,
                            -static_cast<std::ptrdiff_t>(choice), free};
      if (!best || rank > best->rank) best = {rank, &choices[choice], &pool, block};
    }
  }
  if (!best) return std::nullopt;
  PortAllocator& ports = best->pool->ports;
  const auto udp_port = pair ? ports.acquire_pair(best->block) : ports.acquire_single(best->block);
  if (!udp_port) return std::nullopt;
  plane_.steer(best->address->number, *udp_port, worker);
  if (pair) plane_.steer(best->address->number, static_cast<std::uint16_t>(*udp_port + 1), worker);
  return PortLease(*this, *best->address, *udp_port, pair);
}

void UdpPorts::release(dataplane::OwnAddress address, std::uint16_t udp_port, bool pair) {
  PortAllocator& ports = pools_.at(address).ports;
  [[maybe_unused]] const bool was_taken =
      pair ? ports.release_pair(udp_port) : ports.release_single(udp_port);
  assert(was_taken);
}

std::vector<UdpPorts::Use> UdpPorts::uses() const {
  std::vector<Use> uses;
  for (const auto& [number, pool] : pools_)
    uses.push_back({pool.ip, pool.ports.allocated(), pool.ports.free()});
  return uses;
}

}  // namespace sluice::control
